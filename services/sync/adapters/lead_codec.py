"""
A lead as bytes in the store: MessagePack, the same bytes for the same lead.

Sides and milestones are written as their place, times as they are; a register whose two halves are equal is
written once. Maps are written sorted, so equal leads are equal bytes whatever the order things came in.
"""

from collections.abc import Callable
from typing import Any, cast

import msgpack

from services.sync.domain.lead import Activity, Lead, Opportunity, Person, Register, Told
from services.sync.domain.records import RecordRef, Scalar, Side
from services.sync.domain.rules import Milestone

FORMAT = 1
_SIDES: tuple[Side, ...] = (Side.MA, Side.SFA)
_SIDE_PLACE = {side: place for place, side in enumerate(_SIDES)}
_MILESTONES: tuple[Milestone, ...] = tuple(Milestone)
_MILESTONE_PLACE = {milestone: place for place, milestone in enumerate(_MILESTONES)}


def encode(lead: Lead) -> bytes:
    """Return *lead* as bytes."""
    return _pack(
        [
            FORMAT,
            lead.created_at,
            [
                [_SIDE_PLACE[side], [_person(each) for _, each in sorted(persons.items())]]
                for side, persons in sorted(lead.persons.items())
            ],
            {
                name: [_SIDE_PLACE[side], *_register(register)]
                if len(sides) == 1
                else [_register(sides[each]) for each in _SIDES]
                for name, sides in sorted(lead.fields.items())
                for side, register in list(sides.items())[:1]
            },
            {name: _flat(seen) for name, seen in sorted(lead.history.items())},
            [_opportunity(each) for _, each in sorted(lead.opportunities.items())],
            [[key, *_activity(each)] for key, each in sorted(lead.activities.items())],
            {slot: _ref(ref) for slot, ref in sorted(lead.slots.items())},
            dict(sorted(lead.sent.items())),
            dict(sorted(lead.refused.items())),
            _told(lead.told),
        ]
    )


def decode(lead_id: str, data: bytes) -> Lead:
    """
    Return the lead that `encode` made *data* of.

    Raises:
        ValueError: The bytes are of another format.
    """
    parts = _unpack(data)
    if parts[0] != FORMAT:
        raise ValueError(f"lead {lead_id} is stored in format {parts[0]!r}; this version reads {FORMAT}")
    _, created_at, persons, fields, history, deals, activities, slots, sent, refused, told = parts
    return Lead(
        id=lead_id,
        created_at=created_at,
        persons={
            _SIDES[side]: {str(each.ref): each for each in map(_read_person, records)}
            for side, records in persons
        },
        fields={name: _read_sides(packed) for name, packed in fields.items()},
        history={name: _unflat(flat) for name, flat in history.items()},
        opportunities={each.ref.id: each for each in map(_read_opportunity, deals)},
        activities={key: _read_activity(rest) for key, *rest in activities},
        slots={slot: RecordRef(*ref) for slot, ref in slots.items()},
        sent=sent,
        refused=refused,
        told=_read_told(told),
    )


_pack = cast("Callable[[list[Any]], bytes]", msgpack.packb)  # msgpack has no types


def _unpack(data: bytes) -> list[Any]:
    return cast("list[Any]", msgpack.unpackb(data, strict_map_key=False))


def _side(place: int) -> Side:
    return _SIDES[place]


def _milestone(place: int) -> Milestone:
    return _MILESTONES[place]


def _ref(ref: RecordRef) -> list[str]:
    return [ref.system, ref.object, ref.id]


def _person(person: Person) -> list[Any]:
    return [*_ref(person.ref), person.seen_at, person.deleted_at, person.moved]


def _read_person(packed: list[Any]) -> Person:
    system, kind, record_id, seen_at, deleted_at, moved = packed
    return Person(RecordRef(system, kind, record_id), seen_at, deleted_at, moved)


def _register(register: Register) -> list[Any]:
    if (register.said, register.said_at) == (register.there, register.there_at):
        return [register.there, register.there_at]
    return [register.there, register.there_at, register.said, register.said_at]


def _read_register(packed: list[Any]) -> Register:
    there, there_at, said, said_at = packed if len(packed) == 4 else (*packed, *packed)  # noqa: PLR2004 (the long form)
    return Register(said, said_at, there, there_at)


def _read_sides(packed: list[Any]) -> dict[Side, Register]:
    if isinstance(packed[0], int):
        return {_SIDES[packed[0]]: _read_register(packed[1:])}
    return {side: _read_register(each) for side, each in zip(_SIDES, packed, strict=True)}


def _flat(seen: dict[int, Scalar]) -> list[Any]:
    """Write instants as steps from the one before: a history of a minute apart takes few bytes."""
    flat: list[Any] = []
    last = 0
    for at, value in sorted(seen.items()):
        flat += (at - last, value)
        last = at
    return flat


def _unflat(flat: list[Any]) -> dict[int, Scalar]:
    seen: dict[int, Scalar] = {}
    at = 0
    for place in range(0, len(flat), 2):
        at += flat[place]
        seen[at] = flat[place + 1]
    return seen


def _opportunity(each: Opportunity) -> list[Any]:
    fields = {name: _register(register) for name, register in sorted(each.fields.items())}
    return [_ref(each.ref), each.created_at, each.cycle, each.deleted, fields, _flat(each.stages)]


def _read_opportunity(packed: list[Any]) -> Opportunity:
    ref, created_at, cycle, deleted, fields, stages = packed
    registers = {name: _read_register(register) for name, register in fields.items()}
    return Opportunity(RecordRef(*ref), created_at, cycle, deleted, registers, _unflat(stages))


def _activity(each: Activity) -> list[Any]:
    fields = {name: list(pair) for name, pair in sorted(each.fields.items())}
    return [_SIDE_PLACE[each.side], fields, each.created_at, each.deleted]


def _read_activity(packed: list[Any]) -> Activity:
    side, fields, created_at, deleted = packed
    pairs = {name: (value, at) for name, (value, at) in fields.items()}
    return Activity(_side(side), pairs, created_at, deleted)


def _told(told: Told) -> list[Any]:
    milestones = [
        [cycle, _MILESTONE_PLACE[milestone], at] for (cycle, milestone), at in sorted(told.milestones.items())
    ]
    return [told.score, milestones, dict(sorted(told.offered.items())), dict(sorted(told.activities.items()))]


def _read_told(packed: list[Any]) -> Told:
    score, milestones, offered, activities = packed
    reached = {(cycle, _milestone(place)): at for cycle, place, at in milestones}
    return Told(score, reached, offered, activities)
