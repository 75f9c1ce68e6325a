"""Drift: what a vendor holds other than we believed, of which nobody had told us. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.sync.domain.fold import Folder
from services.sync.domain.lead import NEVER, Lead
from services.sync.domain.person_fields import is_other
from services.sync.domain.records import FieldChange, Kind, Observation, Scalar, Side
from services.sync.domain.register import later

RECORD = "(record)"
"""Stands for a whole record: it is there and we didn't know, or it is gone and we thought it was there."""


@dataclass(frozen=True, slots=True)
class Drift:
    """
    One difference: the field (`RECORD` for a record's coming or going), what we believed, what was found.

    `changed_at` is since when it is so, by the vendor, as far as it says: at the latest.
    """

    field: str
    believed: Scalar
    found: Scalar
    changed_at: int


def drift(lead: Lead, side: Side, seen: Observation, folder: Folder) -> list[Drift]:
    """
    Return in what *seen* differs from what *lead* holds of that record, in the order of the fields' names.

    Our own writes that come back explain themselves, what we learned later than *seen* isn't drift, and of a
    lead that was erased, and of tasks that we made, nothing is kept.
    """
    if lead.erased_at != NEVER:
        return []
    if seen.kind in (Kind.LEAD, Kind.COMPANY):
        return [*_of_person(lead, side, seen, folder)]
    if seen.kind is Kind.OPPORTUNITY:
        return [*_of_opportunity(lead, seen)] if side is Side.SFA else []
    return [*_of_activity(lead, seen)]


def _of_person(lead: Lead, side: Side, seen: Observation, folder: Folder) -> Iterator[Drift]:
    person = lead.persons.get(side, {}).get(str(seen.ref))
    if person is None:
        if not seen.deleted:
            yield Drift(RECORD, None, "there", seen.created_at or seen.observed_at)
        return
    if seen.moved_to is not None:
        if person.alive or not person.moved:
            yield Drift(RECORD, "there", "moved", seen.observed_at)
        return
    if seen.deleted:
        if person.alive and seen.observed_at >= person.seen_at:
            yield Drift(RECORD, "there", "gone", seen.observed_at)
        return
    if not person.alive and not person.for_good:
        yield Drift(RECORD, "gone", "there", seen.observed_at)
    yield from _of_fields(lead, side, seen, folder)


def _of_fields(lead: Lead, side: Side, seen: Observation, folder: Folder) -> Iterator[Drift]:
    stands = lead.person(side) == seen.ref
    for each in _latest(seen.fields):
        register = lead.seen(each.name, side) if stands else lead.seen_in(each.name, side, seen.ref)
        news = _is_news(each, register.there, register.there_at)
        if news and not folder.is_echo(lead, side, each):
            yield Drift(each.name, register.there, each.value, each.changed_at)


def _of_opportunity(lead: Lead, seen: Observation) -> Iterator[Drift]:
    known = lead.opportunities.get(seen.ref.id)
    if known is None:
        if not seen.deleted:
            yield Drift(f"opportunity.{RECORD}", None, "there", seen.created_at)
        return
    if seen.deleted:
        if not known.deleted:
            yield Drift(f"opportunity.{RECORD}", "there", "gone", seen.observed_at)
        return
    for each in _latest(seen.fields):
        register = known.fields.get(each.name)
        there, there_at = (None, NEVER) if register is None else (register.there, register.there_at)
        if _is_news(each, there, there_at) and not each.own:
            yield Drift(f"opportunity.{each.name}", there, each.value, each.changed_at)


def _of_activity(lead: Lead, seen: Observation) -> Iterator[Drift]:
    if seen.external_id is not None and seen.external_id.partition(":")[0] == lead.id:
        return
    known = lead.activities.get(str(seen.ref))
    if known is None:
        if not seen.deleted:
            yield Drift(f"activity.{RECORD}", None, "there", seen.created_at)
        return
    if seen.deleted != known.deleted:
        words = {True: "gone", False: "there"}
        yield Drift(f"activity.{RECORD}", words[known.deleted], words[seen.deleted], seen.observed_at)
    if seen.deleted:
        return
    for each in _latest(seen.fields):
        there, there_at = known.fields.get(each.name, (None, NEVER))
        if _is_news(each, there, there_at):
            yield Drift(f"activity.{each.name}", there, each.value, each.changed_at)


def _is_news(change: FieldChange, there: Scalar, there_at: int) -> bool:
    """Return whether *change* is later than what stood *there*, and another value; a field that begins empty is not."""
    if there_at == NEVER and not change.value:
        return False
    return later(change.value, change.changed_at, there, there_at) and is_other(there, change.value)


def _latest(changes: Iterable[FieldChange]) -> Iterator[FieldChange]:
    """Yield the latest change of each field."""
    latest: dict[str, FieldChange] = {}
    for each in changes:
        known = latest.get(each.name)
        if known is None or later(each.value, each.changed_at, known.value, known.changed_at):
            latest[each.name] = each
    yield from (each for _, each in sorted(latest.items()))


def counted(found: Iterable[Drift]) -> Mapping[str, int]:
    """Return how many differences there are of each field."""
    counts: dict[str, int] = {}
    for each in found:
        counts[each.field] = counts.get(each.field, 0) + 1
    return counts
