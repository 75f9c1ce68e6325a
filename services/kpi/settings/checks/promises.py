"""Checks of [[sla]]: that facts and calendars exist, that nothing contradicts itself, that somebody can be told."""

from collections.abc import Iterator
from typing import Final

from services.configuration.document import Document
from services.configuration.mistakes import did_you_mean
from services.configuration.places import KeyPath
from services.configuration.tables import Entry
from services.errors import Misconfigured
from services.kpi.domain.facts import Milestone
from services.kpi.domain.sla.policy import names
from services.kpi.settings.convert import policy_of
from services.kpi.settings.draft import Draft
from services.kpi.settings.promise_section import EscalationTable, PromiseEntry

OF_A_CYCLE: Final = (*(str(each) for each in Milestone), "offered:mql", "offered:sql")
ACTIVITIES: Final = ("activity:call", "activity:email", "activity:meeting", "activity:task")
FACTS: Final = (*OF_A_CYCLE, *ACTIVITIES)
"""What promises can name."""

_LISTS: Final = ("starts", "stops", "cancels", "resets", "reopens")


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong with the promises of *draft*."""
    first: dict[str, KeyPath] = {}
    for entry in draft.sla or ():
        before = len(document.mistakes)
        if (other := first.setdefault(entry.value.name, entry.path)) != entry.path:
            line = document.line(other)
            document.report((*entry.path, "name"), f"is given twice, first on line {line}", "rename one")
        _check_facts(document, entry)
        _check_contradictions(document, entry)
        _check_targets(document, draft, entry)
        _check_steps(document, entry)
        if len(document.mistakes) == before:
            _check_as_a_whole(document, entry)


def _named_facts(entry: Entry[PromiseEntry]) -> Iterator[tuple[KeyPath, str]]:
    for key in _LISTS:
        for index, name in enumerate(getattr(entry.value, key)):
            yield (*entry.path, key, index), name
    for place, pause in enumerate(entry.value.pauses):
        for key in ("begins", "ends"):
            for index, name in enumerate(getattr(pause, key)):
                yield (*entry.path, "pauses", place, key, index), name


def _check_facts(document: Document, entry: Entry[PromiseEntry]) -> None:
    for path, name in _named_facts(entry):
        if not any(names((name,), each) for each in FACTS):
            guess = did_you_mean(name, FACTS) or f"known: {', '.join(FACTS)}"
            document.report(path, f'"{name}" is no fact', guess)
        elif "starts" in path and not any(names((name,), each) for each in OF_A_CYCLE):
            mend = f"start with a milestone: {', '.join(OF_A_CYCLE)}"
            document.report(path, "starts no clock: an activity belongs to no cycle", mend)


def _check_contradictions(document: Document, entry: Entry[PromiseEntry]) -> None:
    promise = entry.value
    for index, name in enumerate(promise.stops):
        if name in promise.starts:
            document.report(
                (*entry.path, "stops", index), f'"{name}" starts the clock too', "take one of the two out"
            )
    for index, name in enumerate(promise.cancels):
        if name in promise.starts or name in promise.stops:
            what = "starts the clock" if name in promise.starts else "fulfils the promise"
            document.report(
                (*entry.path, "cancels", index), f'"{name}" {what} too', "take one of the two out"
            )
    for place, pause in enumerate(promise.pauses):
        for index, name in enumerate(pause.ends):
            if name in pause.begins:
                path = (*entry.path, "pauses", place, "ends", index)
                document.report(path, f'"{name}" begins this pause too', "take one of the two out")


def _check_targets(document: Document, draft: Draft, entry: Entry[PromiseEntry]) -> None:
    for_all: int | None = None
    for index, target in enumerate(entry.value.targets):
        path = (*entry.path, "targets", index)
        if for_all is not None:
            document.report(
                path,
                f"is never reached: the one on line {document.line((*entry.path, 'targets', for_all))} is for all leads",
                "put it before that one, or give that one a `when`",
            )
        elif not target.when:
            for_all = index
        if target.calendar is not None and target.calendar not in draft.written.calendars:
            known = sorted(draft.written.calendars)
            guess = did_you_mean(target.calendar, known) or f"add [calendars.{target.calendar}]"
            document.report((*path, "calendar"), f'there is no calendar "{target.calendar}"', guess)


def _check_steps(document: Document, entry: Entry[PromiseEntry]) -> None:
    shares: set[float] = set()
    for index, warning in enumerate(entry.value.warnings):
        if warning.share in shares:
            path = (*entry.path, "warnings", index, "share")
            document.report(path, f"{warning.share:g} warns twice", "name both in one notify")
        shares.add(warning.share)
    for index, step in enumerate(entry.value.escalations):
        _check_step(document, (*entry.path, "escalations", index), step)


def _check_step(document: Document, path: KeyPath, step: EscalationTable) -> None:
    if step.after_ms is None and step.share is None:
        document.report(path, "doesn't say when", 'add after = "4h", or share = 2.0')
    elif step.after_ms is not None and step.share is not None:
        document.report(path, "says twice when: after and share", "keep one of the two")
    if not step.notify and not step.reassign:
        document.report(path, "tells nobody and changes nothing", 'add notify = ["team-lead"]')


def _check_as_a_whole(document: Document, entry: Entry[PromiseEntry]) -> None:
    """Ask the domain, whose word is the last: what is said above has a better place."""
    try:
        policy_of(entry.value)
    except Misconfigured as error:
        document.report(entry.path, str(error).partition(": ")[2], "mend it as the reference says")
