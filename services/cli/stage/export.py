"""
The canonical export of the store: what the two systems said, reached and hold, without a trace of how it got there.

Ids that we or the vendors hand out, and the times of our own writes, depend on the order in which work was
done; they are left out, and a lead is named by its e-mail address. So is that a field is blank and nobody ever said
so: whether we saw it depends on whether the record was read or told. So two runs of one history, whatever was
killed on the way, give the same bytes.

Where vendors fail, a value may be learnt by another reading: after a gap in a stream a record is read whole, so
that what stands there was said then. What two such runs share is their end, see `end_of`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from services.sync.domain.lead import NEVER, Activity, Lead, Opportunity
from services.sync.domain.lifecycle import trace
from services.sync.domain.records import Side
from services.sync.domain.register import is_blank
from services.sync.domain.rules import Rules


def export(leads: Iterable[Lead], rules: Rules) -> bytes:
    """Return one JSON line for each lead, sorted by name."""
    lines = sorted(orjson.dumps(_lead(lead, rules), option=orjson.OPT_SORT_KEYS) for lead in leads)
    return b"".join(line + b"\n" for line in lines)


def end_of(exported: bytes) -> list[dict[str, Any]]:
    """
    Return what stands of each exported lead, without by which reading it was learnt.

    That is all of the export but `history`, and of the fields which of them nobody spoke of or said to be blank, and
    when the others were said. A box that isn't ticked is as one of which nobody spoke. Milestones are in whole seconds,
    for what a reading says of a time is that of the record's last change, which may be ours.
    """
    found: list[dict[str, Any]] = []
    for line in exported.splitlines():
        lead: dict[str, Any] = orjson.loads(line)
        del lead["history"]
        fields = ((name, _standing(sides)) for name, sides in lead["fields"].items())
        times = {
            kind: {each: at // 1_000 for each, at in lead[kind].items()} for kind in ("milestones", "told")
        }
        found.append({**lead, **times, "fields": {name: there for name, there in fields if there}})
    return found


def other_ends(one: bytes, other: bytes) -> list[str]:
    """Return how the ends of two exports differ, a line for each field or other part of a lead; empty where they don't."""
    ours, theirs = (_by_name(end_of(exported)) for exported in (one, other))
    return [
        f"{name}: {part} is {left.get(part)}, was {right.get(part)}"
        for name in sorted(ours.keys() | theirs.keys())
        for left, right in [(ours.get(name, {}), theirs.get(name, {}))]
        for part in sorted(left.keys() | right.keys())
        if left.get(part) != right.get(part)
    ]


def _by_name(leads: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the parts and fields of *leads* by their name; of two with one name both."""
    found: dict[str, Mapping[str, Any]] = {}
    for lead in leads:
        name = lead["lead"]
        while name in found:
            name = f"{name} (another)"
        fields = {f"fields.{each}": sides for each, sides in lead["fields"].items()}
        found[name] = {each: part for each, part in lead.items() if each != "fields"} | fields
    return found


def _standing(sides: Mapping[str, Any]) -> dict[str, Any]:
    said = {side: each["there"] for side, each in sides.items()}
    return {side: there for side, there in said.items() if not is_blank(there) and there is not False}


def name_of(lead: Lead) -> str:
    """Return the e-mail address of *lead*, or its first record's where it has none."""
    for side in Side:
        address = lead.seen("email", side).there
        if address:
            return str(address)
    return min((str(each) for side in Side if (each := lead.person(side)) is not None), default=lead.id)


def _lead(lead: Lead, rules: Rules) -> dict[str, Any]:
    life = trace(lead, rules)
    return {
        "lead": name_of(lead),
        "created_at": lead.created_at,
        "score": life.score,
        "reasons": life.points,
        "stage": life.stage.value,
        "milestones": {
            f"{cycle}:{milestone.value}": at for (cycle, milestone), at in life.milestones.items()
        },
        "told": {f"{cycle}:{milestone.value}": at for (cycle, milestone), at in lead.told.milestones.items()},
        "offered": sorted(lead.told.offered),
        "stands": {side.value: lead.person(side) is not None for side in Side},
        "fields": {name: found for name in lead.names() if (found := _field(lead, name))},
        "history": {
            name: {str(at): value for at, value in seen.items()} for name, seen in lead.history.items()
        },
        "opportunities": sorted(
            (_opportunity(each) for each in lead.opportunities.values()), key=orjson.dumps
        ),
        "activities": sorted((_activity(each) for each in lead.activities.values()), key=orjson.dumps),
        "slots": sorted(lead.slots),
        "refused": sorted(lead.refused),
    }


def _field(lead: Lead, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for side in Side:
        register = lead.seen(name, side)
        if register.there_at != NEVER and (register.there or register.said_at != NEVER):
            found[side.value] = {"there": register.there}
            if register.said_at != NEVER:
                found[side.value] |= {"said": register.said, "said_at": register.said_at}
    return found


def _opportunity(deal: Opportunity) -> dict[str, Any]:
    return {
        "cycle": deal.cycle,
        "deleted": deal.deleted,
        "fields": {
            name: each.there for name, each in sorted(deal.fields.items()) if not is_blank(each.there)
        },
        "stages": {str(at): value for at, value in sorted(deal.stages.items())},
    }


def _activity(activity: Activity) -> dict[str, Any]:
    return {
        "side": activity.side.value,
        "fields": {
            name: value for name, (value, _) in sorted(activity.fields.items()) if not is_blank(value)
        },
        "deleted": activity.deleted,
    }
