"""
A lead as bytes in the store: MessagePack, the same bytes for the same lead.

Values and instants stand in tables (`w` while writing, `t` while reading) and are named by their place there.
Everything is written in a sorted order, so equal leads are equal bytes whatever the order things came in.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias, cast

import msgpack

from services.runtime.stored_format import StoredOtherwise
from services.sync.adapters.lead_tables import ODD, Tabled, Tables, read_tables, records
from services.sync.adapters.register_codec import read_registers, write_register
from services.sync.adapters.task_codec import packed_tasks, read_tasks
from services.sync.domain.lead import (
    UNSURE,
    Activity,
    Employer,
    Employment,
    Evidence,
    Fight,
    Lead,
    Opportunity,
    OptOuts,
    Person,
    Told,
    history_keys,
)
from services.sync.domain.records import RecordRef, Scalar, Side
from services.sync.domain.register import NEVER, Register
from services.sync.domain.rules import Milestone

FORMAT = 13
_MA, _SFA = Side.MA, Side.SFA
_SIDES: tuple[Side, ...] = (_MA, _SFA)
_SIDE_PLACE = {side: place for place, side in enumerate(_SIDES)}
_MILESTONES: tuple[Milestone, ...] = tuple(Milestone)
_MILESTONE_PLACE = {milestone: place for place, milestone in enumerate(_MILESTONES)}
_CYCLE = 16
"""A milestone is written as its cycle times this, plus its place."""


def encode(lead: Lead) -> bytes:
    """Return *lead* as bytes."""
    w = Tables()
    parts = [
        w.instants[lead.created_at],
        [w.instants[lead.erased_at], lead.forgotten],
        w.value(lead.merged_into),
        [part for name, at in sorted(lead.taken_over.items()) for part in (w.value(name), w.instants[at])],
        w.instants[lead.history_until],
        w.instants[lead.unhurried_since],
        [lead.scored_by, *(w.instants[at] for at in (lead.as_of, lead.rules_since, *lead.qualified))],
        [part for side in _SIDES for part in _persons(w, side, lead.persons.get(side, {}))],
        _fields(w, lead.fields),
        [*_further(w, lead.persons)],
        [_history(w, key, seen) for key, seen in sorted(lead.history.items())],
        [_opportunity(w, each) for _, each in sorted(lead.opportunities.items())],
        [_activity(w, key, each) for key, each in sorted(lead.activities.items())],
        [part for slot, ref in sorted(lead.slots.items()) for part in (w.value(slot), *_ref(w, ref))],
        [[w.value(name), *marks] for name, marks in sorted(lead.sent.items())],
        [part for slot, mark in sorted(lead.refused.items()) for part in (w.value(slot), mark)],
        _told(w, lead.told),
        [
            [w.value(name), *_evidence(w, each.first), *_evidence(w, each.last)]
            for name, each in sorted(lead.opt_outs.items())
        ],
        [
            part
            for key, each in sorted(lead.fights.items())
            for part in (w.value(key), each.rounds, w.instants[each.since_at], w.instants[each.over_at])
        ],
        _companies(w, lead),
        packed_tasks(w, lead.tasks),
    ]
    return _pack([FORMAT, *w.packed(), *parts])


def decode(lead_id: str, data: bytes) -> Lead:
    """
    Return the lead that `encode` made *data* of.

    Raises:
        StoredOtherwise: The bytes are of another format.
    """
    parts = _unpack(data)
    if parts[0] != FORMAT:
        raise StoredOtherwise(f"lead {lead_id} is", parts[0], FORMAT)
    t = instants, values = read_tables(parts[1:3])
    (
        created_at,
        (erased_at, forgotten),
        merged_into,
        taken_over,
        history_until,
        unhurried_since,
        scored,
        *parts,
    ) = parts[3:]
    scored_by, as_of, rules_since, *qualified = cast("list[int]", scored)
    (
        persons,
        fields,
        further,
        histories,
        deals,
        activities,
        slots,
        sent,
        refused,
        told,
        opt_outs,
        fights,
        companies,
        tasks,
    ) = parts
    known = _read_persons(t, persons)
    _read_further(t, known, further)
    return Lead(
        id=lead_id,
        created_at=instants[int(created_at)],
        erased_at=instants[int(erased_at)],
        forgotten=forgotten,
        merged_into=values[int(merged_into)],
        taken_over={values[name]: instants[at] for name, at in records(2, taken_over)},
        history_until=instants[int(history_until)],
        unhurried_since=instants[int(unhurried_since)],
        as_of=instants[as_of],
        scored_by=scored_by,
        rules_since=instants[rules_since],
        qualified=tuple(instants[at] for at in qualified),
        persons=known,
        fields=_read_fields(t, fields),
        history=dict(_read_history(t, each) for each in histories),
        opportunities={each.ref.id: each for each in (_read_opportunity(t, deal) for deal in deals)},
        activities=dict(_read_activity(t, each) for each in activities),
        slots={values[slot]: _read_ref(t, ref) for slot, *ref in records(4, slots)},
        sent={values[name]: tuple(marks) for name, *marks in sent},
        refused={values[slot]: mark for slot, mark in records(2, refused)},
        told=_read_told(t, told),
        opt_outs={
            values[name]: OptOuts(_read_evidence(t, each[:5]), _read_evidence(t, each[5:]))
            for name, *each in opt_outs
        },
        fights={
            values[key]: Fight(rounds, instants[since_at], instants[over_at])
            for key, rounds, since_at, over_at in records(4, fights)
        },
        **_read_companies(t, companies),
        tasks=read_tasks(t, tasks),
    )


def _companies(w: Tables, lead: Lead) -> list[Any]:
    """Write whose the lead is, and who a company's leads are; most firms keep neither."""
    employer = lead.employer
    if employer is None and not (lead.employments or lead.members or lead.told_members):
        return []
    employed = [
        part
        for side in _SIDES
        if (each := lead.employments.get(side)) is not None
        for part in (_SIDE_PLACE[side], w.value(each.record), w.value(each.company), w.instants[each.at])
    ]
    known: list[Any] = []
    if employer is not None:
        names = [w.value(each) for each in sorted(employer.names)]
        known = [
            w.value(employer.id),
            w.instants[employer.joined_at],
            int(employer.heard),
            names,
            _values(w, employer.values),
        ]
    members = [part for key, at in sorted(lead.members.items()) for part in (w.value(key), w.instants[at])]
    return [employed, known, members, _values(w, lead.told_members)]


def _values(w: Tables, values: dict[str, Scalar]) -> list[int]:
    return [part for name, value in sorted(values.items()) for part in (w.value(name), w.value(value))]


def _read_companies(t: Tabled, packed: list[Any]) -> dict[str, Any]:
    if not packed:
        return {}
    instants, values = t
    employed, known, members, told = packed
    employer = None
    if known:
        employer_id, joined_at, heard, names, told_of_it = known
        held = {values[name]: values[value] for name, value in records(2, told_of_it)}
        known_names = frozenset(values[each] for each in names)
        employer = Employer(
            values[int(employer_id)], instants[int(joined_at)], bool(heard), known_names, held
        )
    return {
        "employments": {
            _SIDES[side]: Employment(values[record], values[company], instants[at])
            for side, record, company, at in records(4, employed)
        },
        "employer": employer,
        "members": {values[key]: instants[at] for key, at in records(2, members)},
        "told_members": {values[name]: values[value] for name, value in records(2, told)},
    }


_PackedOpportunity: TypeAlias = tuple[list[int], int, int, int, list[Any], list[int]]
_PackedActivity: TypeAlias = tuple[list[int], int, int, int, int, int, list[int]]
_pack = cast("Callable[[list[Any]], bytes]", msgpack.packb)  # msgpack has no types


def _unpack(data: bytes) -> list[Any]:
    return cast("list[Any]", msgpack.unpackb(data))


def _ref(w: Tables, ref: RecordRef) -> tuple[int, int, int]:
    return w.value(ref.system), w.value(ref.object), w.value(ref.id)


def _read_ref(t: Tabled, packed: list[int]) -> RecordRef:
    system, kind, record_id = packed
    return RecordRef(t[1][system], t[1][kind], t[1][record_id])


def _evidence(w: Tables, said: Evidence) -> list[int]:
    at, side, record, via, by = said
    return [w.instants[at], _SIDE_PLACE[side], w.value(record), w.value(via), w.value(by)]


def _read_evidence(t: Tabled, packed: list[int]) -> Evidence:
    at, side, record, via, by = packed
    return Evidence(t[0][at], _SIDES[side], t[1][record], t[1][via], t[1][by])


def _persons(w: Tables, side: Side, persons: dict[str, Person]) -> Iterator[int]:
    for _, each in sorted(persons.items()):
        marks = each.for_good * 8 + each.successor * 4 + each.marked * 2 + each.moved
        yield _SIDE_PLACE[side] * 16 + marks
        yield from _ref(w, each.ref)
        yield w.instants[each.seen_at]
        yield w.instants[each.deleted_at]


def _read_persons(t: Tabled, packed: list[int]) -> dict[Side, dict[str, Person]]:
    persons: dict[Side, dict[str, Person]] = {}
    for code, system, kind, record_id, seen_at, deleted_at in records(6, packed):
        ref = _read_ref(t, [system, kind, record_id])
        marks = (bool(code & 1), bool(code & 2), bool(code & 4), bool(code & 8))
        persons.setdefault(_SIDES[code // 16], {})[str(ref)] = Person(
            ref, t[0][seen_at], t[0][deleted_at], *marks
        )
    return persons


def _fields(w: Tables, fields: dict[str, dict[Side, Register]]) -> list[Any]:
    flat: list[Any] = []
    for name, sides in sorted(fields.items()):
        flat.append(w.value(name))
        for side in _SIDES:
            if side in sides:
                write_register(w, sides[side], flat)
            else:
                flat.append(0)
    return flat


def _read_fields(t: Tabled, packed: list[Any]) -> dict[str, dict[Side, Register]]:
    fields: dict[str, dict[Side, Register]] = {}
    parts = iter(read_registers(t, packed, 2))
    for name, ma, sfa in zip(parts, parts, parts, strict=True):
        sides: dict[Side, Register] = {}
        fields[name] = sides
        if ma is not None:
            sides[_MA] = ma
        if sfa is not None:
            sides[_SFA] = sfa
    return fields


def _further(w: Tables, persons: dict[Side, dict[str, Person]]) -> Iterator[list[Any]]:
    """Yield what was seen in a side's further records: the side, the record, and its registers."""
    for side in _SIDES:
        for key, person in sorted(persons.get(side, {}).items()):
            if person.fields:
                flat: list[Any] = []
                for name, register in sorted(person.fields.items()):
                    flat.append(w.value(name))
                    write_register(w, register, flat)
                yield [_SIDE_PLACE[side], w.value(key), flat]


def _read_further(t: Tabled, persons: dict[Side, dict[str, Person]], packed: list[Any]) -> None:
    for side, key, flat in cast("list[tuple[int, int, list[Any]]]", packed):
        parts = iter(read_registers(t, flat, 1))
        persons[_SIDES[side]][t[1][key]].fields = dict(zip(parts, parts, strict=True))


def _seen(w: Tables, seen: dict[int, Scalar]) -> list[int]:
    instants, values = w.instants, w.values
    flat: list[int] = []
    for at, value in sorted(seen.items()):
        flat += (instants[at], values[value if type(value) not in ODD else (type(value), value)])
    return flat


def _read_seen(t: Tabled, flat: list[int]) -> dict[int, Scalar]:
    instants, values = t
    return {instants[at]: values[value] for at, value in records(2, flat)}


def _history(w: Tables, key: str, seen: dict[int, Scalar]) -> list[int]:
    head, name = _history_head(key)
    return [head, w.values[name], *_seen(w, seen)]


@lru_cache(maxsize=4096)
def _history_head(key: str) -> tuple[int, str]:
    """Return what stands for *key*, see `history_keys`: a number for the side and the kind, and the field's name."""
    side, _, name = key.partition(":")
    return _SIDE_PLACE[Side(side)] * 2 + name.endswith(UNSURE), name.removesuffix(UNSURE)


def _read_history(t: Tabled, packed: list[int]) -> tuple[str, dict[int, Scalar]]:
    instants, values = t
    parts = iter(packed)
    head, name = next(parts), next(parts)
    seen: dict[int, Scalar] = {instants[at]: values[value] for at, value in zip(parts, parts, strict=True)}
    return history_keys(values[name])[head // 2][head % 2], seen


def _opportunity(w: Tables, each: Opportunity) -> list[Any]:
    fields: list[Any] = []
    for name, register in sorted(each.fields.items()):
        fields.append(w.value(name))
        write_register(w, register, fields)
    code = each.cycle * 2 + each.deleted
    created_at, seen_at = w.instants[each.created_at], w.instants[each.seen_at]
    return [[*_ref(w, each.ref)], created_at, seen_at, code, fields, _seen(w, each.stages)]


def _read_opportunity(t: Tabled, packed: list[Any]) -> Opportunity:
    ref, created_at, seen_at, code, fields, stages = cast("_PackedOpportunity", packed)
    parts = iter(read_registers(t, fields, 1))
    registers: dict[str, Register] = dict(zip(parts, parts, strict=True))
    return Opportunity(
        _read_ref(t, ref),
        t[0][created_at],
        code // 2,
        bool(code % 2),
        registers,
        _read_seen(t, stages),
        t[0][seen_at],
    )


def _activity(w: Tables, key: str, each: Activity) -> list[Any]:
    """Write the key by its parts, of which activities share the first two."""
    told_at, mark = each.told or (NEVER, 0)
    fields = [
        part
        for name, (value, at) in sorted(each.fields.items())
        for part in (w.value(name), w.value(value), w.instants[at])
    ]
    code = _SIDE_PLACE[each.side] * 2 + each.deleted
    places = [w.value(part) for part in key.split(":", 2)]
    instants = w.instants
    seen_at = instants[each.seen_at]
    return [places, code, instants[each.created_at], seen_at, instants[told_at], mark, fields]


def _read_activity(t: Tabled, packed: list[Any]) -> tuple[str, Activity]:
    instants, values = t
    places, code, created_at, seen_at, told_at, mark, flat = cast("_PackedActivity", packed)
    fields = {values[name]: (values[value], instants[at]) for name, value, at in records(3, flat)}
    told = (instants[told_at], mark) if told_at else None
    side, deleted = _SIDES[code // 2], bool(code % 2)
    activity = Activity(side, fields, instants[created_at], instants[seen_at], deleted, told)
    return ":".join(values[part] for part in places), activity


def _told(w: Tables, told: Told) -> list[Any]:
    milestones = [
        part
        for (cycle, milestone), at in sorted(told.milestones.items())
        for part in (cycle * _CYCLE + _MILESTONE_PLACE[milestone], w.instants[at])
    ]
    amounts = [
        part
        for (cycle, milestone), amount in sorted(told.amounts.items())
        for part in (cycle * _CYCLE + _MILESTONE_PLACE[milestone], w.value(amount))
    ]
    offered = [part for key, at in sorted(told.offered.items()) for part in (w.value(key), w.instants[at])]
    return [told.score, milestones, amounts, offered]


def _read_told(t: Tabled, packed: list[Any]) -> Told:
    instants, values = t
    score, milestones, amounts, offered = packed
    return Told(
        score,
        {(code // _CYCLE, _MILESTONES[code % _CYCLE]): instants[at] for code, at in records(2, milestones)},
        {
            (code // _CYCLE, _MILESTONES[code % _CYCLE]): values[amount]
            for code, amount in records(2, amounts)
        },
        {values[key]: instants[at] for key, at in records(2, offered)},
    )
