"""Checks of people, roles, sinks and routes: each once, and what one names of the other is there."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, TypeVar

from services.configuration.document import Document
from services.configuration.mistakes import did_you_mean
from services.configuration.places import KeyPath
from services.configuration.sections import Section
from services.configuration.tables import Entry
from services.kpi.settings.convert import policies_of
from services.kpi.settings.draft import Draft
from services.kpi.settings.promise_section import PromiseEntry

S = TypeVar("S", bound=Section)

OWNER: Final = "owner"
USUAL_ROLES: Final = ("team-lead", "department")
"""Roles that promises may tell and that nobody need hold: the default sinks hear for them."""


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong with who hears of alerts in *draft*."""
    _once(document, draft.people, "email", lambda each: each.email.lower())
    _once(document, draft.roles, "role", lambda each: f"{each.role} {each.team or ''}")
    _once(document, draft.sinks, "name", lambda each: each.name)
    _check_sinks(document, draft)
    _check_people(document, draft)
    _check_links(document, draft)
    _check_promises(document, draft)
    _check_told(document, draft)


def _once(document: Document, entries: Iterable[Entry[S]], key: str, identity: Callable[[S], str]) -> None:
    first: dict[str, KeyPath] = {}
    for entry in entries:
        if (other := first.setdefault(identity(entry.value), entry.path)) != entry.path:
            line = document.line(other)
            document.report(
                (*entry.path, key), f"is given twice, first on line {line}", "keep one of the two"
            )


def _check_sinks(document: Document, draft: Draft) -> None:
    for path, name in _named_sinks(draft):
        if name not in draft.written.sinks:
            guess = did_you_mean(name, draft.written.sinks) or f'add [[sinks]] name = "{name}"'
            document.report(path, f'there is no sink "{name}"', guess)


def _named_sinks(draft: Draft) -> Iterator[tuple[KeyPath, str]]:
    for route in draft.routes:
        yield (*route.path, "sink"), route.value.sink
    if draft.alerts is not None:
        for index, name in enumerate(draft.alerts.default):
            yield ("alerts", "default", index), name
    for person in draft.people:
        for name in person.value.addresses:
            yield (*person.path, "addresses", name), name


def _check_people(document: Document, draft: Draft) -> None:
    for entry in draft.roles:
        if entry.value.role == OWNER:
            document.report(
                (*entry.path, "role"), "the owner is whoever owns the lead", "take it out, or rename the role"
            )
        if entry.value.person not in draft.written.people:
            guess = did_you_mean(entry.value.person, draft.written.people) or "add them to [[people]]"
            document.report((*entry.path, "person"), f"nobody of [[people]] is {entry.value.person}", guess)


def _check_links(document: Document, draft: Draft) -> None:
    link = draft.alerts.link if draft.alerts is not None else None
    if link is None:
        return
    if not link.startswith(("https://", "http://")):
        document.report(
            ("alerts", "link"), "is no web address", 'write it in full: "https://…/leads/{lead_id}"'
        )
    elif "{lead_id}" not in link:
        document.report(("alerts", "link"), "leads to no lead", "put {lead_id} where the lead's id belongs")


def _check_promises(document: Document, draft: Draft) -> None:
    known = draft.written.promises or {each.name for each in policies_of(draft)}
    for path, name in _named_promises(draft):
        if name not in known:
            guess = did_you_mean(name, known) or f"known: {', '.join(sorted(known)) or 'none'}"
            document.report(path, f'there is no promise "{name}"', guess)


def _named_promises(draft: Draft) -> Iterator[tuple[KeyPath, str]]:
    for route in draft.routes:
        for index, name in enumerate(route.value.policies):
            yield (*route.path, "policies", index), name
    for sink in draft.sinks:
        if sink.value.quiet is not None:
            for index, name in enumerate(sink.value.quiet.policies):
                yield (*sink.path, "quiet", "policies", index), name


def _check_told(document: Document, draft: Draft) -> None:
    """Report whom promises tell and routes serve that nobody else knows of: a misspelt role would tell the wrong ones."""
    held = {OWNER, *USUAL_ROLES, *draft.written.roles, *draft.written.people}
    told = [each for entry in draft.sla or () for each in _told_by(entry)]
    routed = [
        ((*route.path, "roles", index), name)
        for route in draft.routes
        for index, name in enumerate(route.value.roles)
    ]
    _report_unknown(document, told, held | {name for _, name in routed})
    _report_unknown(document, routed, held | {name for _, name in told})


def _report_unknown(document: Document, named: Iterable[tuple[KeyPath, str]], known: Collection[str]) -> None:
    for path, name in named:
        if name not in known:
            what = "[[people]]" if "@" in name else "[[roles]]"
            guess = did_you_mean(name, known) or f"add {name} to {what}"
            document.report(path, f'"{name}" is neither a role nor a person', guess)


def _told_by(entry: Entry[PromiseEntry]) -> Iterator[tuple[KeyPath, str]]:
    promise, path = entry.value, entry.path
    for index, name in enumerate(promise.breach_notify):
        yield (*path, "breach_notify", index), name
    for key, steps in (("warnings", promise.warnings), ("escalations", promise.escalations)):
        for place, step in enumerate(steps):
            for index, name in enumerate(step.notify):
                yield (*path, key, place, "notify", index), name
