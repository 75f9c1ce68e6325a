"""Checks of [assignment], [handoffs] and [sync]: people, texts with blanks to fill, the order of sides."""

from collections.abc import Mapping
from string import Formatter

from services.configuration.document import Document
from services.configuration.places import KeyPath
from services.sync.domain.field_map import FieldType
from services.sync.domain.rules import Policy
from services.sync.settings.checks.policies import effective_policy
from services.sync.settings.checks.references import known_field
from services.sync.settings.draft import Draft
from services.sync.settings.rule_sections import AssignmentSection

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_WORDS = ("company", "name", "score")


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong with people, handoffs and sides in *draft*."""
    _check_assignment(document, draft)
    _check_handoffs(document, draft)
    _check_sync(document, draft)


def _check_assignment(document: Document, draft: Draft) -> None:
    if draft.assignment is None:
        return
    _check_who(document, draft, draft.assignment)
    for team in ("sdr", "bdr", "field_sales"):
        addresses: tuple[str, ...] = getattr(draft.assignment, team)
        seen: set[str] = set()
        for index, address in enumerate(addresses):
            if address.lower() in seen:
                mend = "name each person once; all get the same share"
                document.report(("assignment", team, index), f"{address} is named twice", mend)
            seen.add(address.lower())


def _check_who(document: Document, draft: Draft, people: AssignmentSection) -> None:
    """Whoever is named as absent, or with hours or a weight, must be somebody who gets leads."""
    teams = [each for team in people.teams for each in team.people]
    known = {each.lower() for each in (*people.sdr, *people.bdr, *people.field_sales, *teams)}
    named: list[tuple[KeyPath, str]] = [(("assignment", "weights", who), who) for who in people.weights]
    for key, entries in (("absences", people.absences), ("hours", people.hours)):
        named += [(("assignment", key, index, "who"), each.who) for index, each in enumerate(entries)]
    for path, who in named:
        if who.lower() not in known:
            mend = "write it as in sdr, bdr, field_sales or a team, or take it out"
            document.report(path, f"{who} gets no leads anyway", mend)
    for index, absence in enumerate(people.absences):
        if absence.last < absence.first:
            document.report(
                ("assignment", "absences", index, "last"), "is before the first day", "swap the two"
            )
    for index, team in enumerate(people.teams):
        known_field(document, draft, ("assignment", "teams", index, "field"), team.field, or_company=True)
    if people.account_owner is not None:
        path = ("assignment", "account_owner")
        known_field(document, draft, path, people.account_owner, or_company=True)


def _check_handoffs(document: Document, draft: Draft) -> None:
    handoffs = draft.handoffs
    if handoffs is None:
        return
    _check_template(document, ("handoffs", "task_subject"), handoffs.task_subject)
    _check_template(document, ("handoffs", "opportunity_name"), handoffs.opportunity_name)
    if handoffs.task_due_ms % _HOUR_MS:
        document.report(("handoffs", "task_due"), "is no whole number of hours", 'write it like "24h"')
    if handoffs.opportunity_close_ms % _DAY_MS:
        document.report(
            ("handoffs", "opportunity_close"), "is no whole number of days", 'write it like "90d"'
        )


def _check_template(document: Document, path: KeyPath, template: str) -> None:
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        document.report(path, "has a brace without its other", "write {{ and }} for braces that are text")
        return
    for _, name, spec, conversion in parts:
        if name is None:
            continue
        if spec or conversion or name not in _WORDS:
            mend = (
                f"known: {', '.join(f'{{{word}}}' for word in _WORDS)}, without anything else in the braces"
            )
            document.report(path, f"{{{name}}} can't be filled in", mend)


def _check_sync(document: Document, draft: Draft) -> None:
    if draft.sync is None:
        return
    if sorted(draft.sync.tie_order) != ["ma", "sfa"]:
        mend = 'write ["sfa", "ma"] or ["ma", "sfa"]'
        document.report(("sync", "tie_order"), "must name both sides, each once", mend)
    if draft.sync.bdr_sources and draft.fields and draft.is_unknown("source"):
        mend = 'map a field of the name "source", or take bdr_sources out'
        document.report(("sync", "bdr_sources"), 'there is no field "source" to look at', mend)
    _check_segments(document, draft, draft.sync.segments)
    _check_opt_ins(document, draft, draft.sync.opt_ins)


def _check_opt_ins(document: Document, draft: Draft, opt_ins: Mapping[str, str]) -> None:
    for name, act in opt_ins.items():
        path = ("sync", "opt_ins", name)
        consent = known_field(document, draft, path, name)
        if consent is not None and effective_policy(consent) is not Policy.NEVER_LOOSEN:
            document.report(path, f'"{name}" is no opt-out', 'name a field with policy = "never-loosen"')
        field = known_field(document, draft, path, act)
        if field is not None and field.type is not FieldType.INSTANT:
            document.report(path, f'"{act}" doesn\'t tell when', 'name a field of type = "instant"')


def _check_segments(document: Document, draft: Draft, segments: tuple[str, ...]) -> None:
    written = "segments" in document.data.get("sync", {})
    for index, name in enumerate(segments):
        path = ("sync", "segments", index)
        if name in segments[:index]:
            document.report(path, f'"{name}" is named twice', "keep one of the two")
        elif draft.fields and written:
            known_field(document, draft, path, name, or_company=True)
