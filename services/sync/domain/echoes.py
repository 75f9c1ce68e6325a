"""
Whether our own writes that come back were taken for what they are: how they were known, what was mistaken, loops.

A change of a person counts as an echo where the vendor marks it as ours (the marker), and, in fields on which
something is decided, where our own ledger holds the value too. Neither is proof. So what was taken for an echo is
judged again whenever the record is read later, and a write that nobody's word asked for is noticed as it leaves.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from services.sync.domain.lead import Lead
from services.sync.domain.records import FieldChange, Kind, Observation, RecordRef, Scalar, Side
from services.sync.domain.register import UNKNOWN, UNTAKEN, Register, order_key, value_hash

if TYPE_CHECKING:
    from services.sync.domain.drift import Drift


class Layer(StrEnum):
    """By what an echo was known."""

    MARKER = "marker"
    """By the vendor's mark alone: the field is made by tasuki, nobody else's value counts there."""

    LEDGER = "ledger"
    """By the vendor's mark, and by the value standing in the ledger of what was sent."""


class Aim(NamedTuple):
    """
    What a write was planned on: the record it goes to, and by field since when the value stands that it replaces.

    `asked`: by field what `asked_for` was then.
    """

    ref: RecordRef | None
    over: Mapping[str, int]
    asked: Mapping[str, int]


def hidden(lead: Lead, side: Side, seen: Observation, found: "list[Drift]") -> Iterator[str]:
    """
    Yield the fields of the differences *found* in *seen* that an echo had hidden from us.

    The last that was heard of such a field was an echo, and the record was looked at when the other value stood there
    already.
    """
    person = lead.persons.get(side, {}).get(str(seen.ref))
    if seen.kind is not Kind.LEAD or person is None:
        return
    for each in found:
        if each.changed_at <= person.seen_at and lead.seen_in(each.field, side, seen.ref).by_echo:
            yield each.field


def disputed(lead: Lead, side: Side, seen: Observation) -> Iterator[str]:
    """Yield the fields of *seen* with a change that was taken for an echo, and that somebody else made as is told now."""
    if seen.kind is not Kind.LEAD:
        return
    for each in seen.fields:
        if not each.own and each.exact and _was_echo(lead.seen_in(each.name, side, seen.ref), each):
            yield each.name


def goes_round(lead: Lead, name: str, side: Side, value: Scalar, mark: int, aim: Aim | None = None) -> bool:
    """
    Note that *value*, whose hash is *mark*, is about to be sent; return whether that is a loop.

    It is one where the same value was sent before and taken, nobody said anything on either side since, and yet another
    value of ours stands there, in which nobody else had a hand: then our own write asked for our own write. A write whose *aim* was another record, what
    stood before, or what people had said before, is none, nor is the next one: so it is after a crash, when two leads that
    are one both write, and when somebody's word overtakes a write. Nor is one of what must stand there by now.
    """
    ledger, stands = lead.register(name, side), lead.seen(name, side)
    words, over = asked_for(lead, name, side), value_hash(stands.there)
    known, taken = ledger.sent_on
    in_time = aim is None or aim.ref == lead.person(side)
    if aim is not None:
        in_time = in_time and (aim.over.get(name), aim.asked.get(name, words)) == (stands.there_at, words)
    ledger.sent_on = (words if in_time else UNKNOWN, UNTAKEN)
    return (
        in_time
        and mark in ledger.sent
        and over in ledger.sent
        and over != mark
        and not stands.by_others
        and known == words
        and taken == value_hash(str(lead.person(side)))
        and order_key(value) not in (order_key(stands.there), order_key(stands.overtaken))
    )


def asked_for(lead: Lead, name: str, side: Side) -> int:
    """
    Return a hash of what a write of the field *name* on *side* can be asked for by.

    That is what people last said of it, on both sides, and the record that is written to. Where nobody said anything,
    marketing's owner of a lead follows what stands in sales, and a company's field what stands on the other side.
    """
    seen = [lead.seen(name, each) for each in Side]
    asked: list[object] = [(each.said_at, each.said) for each in seen]
    follows = lead.is_company or (name == "owner" and side is Side.MA)
    if follows and not any(each.speaks for each in seen):
        asked.append(lead.seen(name, side.other).overtaken)
    return crc32(repr((asked, str(lead.person(side)))).encode())


def _was_echo(register: Register, change: FieldChange) -> bool:
    return (change.changed_at, False, change.value) in register.sights
