"""
A lead of the KPIs as bytes in the store: MessagePack, the same bytes for the same lead.

`[FORMAT, generation, standing, marks, deeds, offers, gone]`. `generation` is that of the rules under which the
lead's counters stand. Marks and deeds are sorted by slot; one that has nothing beyond its first three parts, or the
lead's own owner, is written without the rest.
"""

from collections.abc import Callable
from typing import Any, cast

import msgpack

from services.kpi.domain.facts import Milestone, Standing
from services.kpi.domain.lead import Deed, KpiLead, Mark, Offer
from services.runtime.stored_format import StoredOtherwise

FORMAT = 1
_MILESTONES = tuple(Milestone)
_PLACE = {milestone: place for place, milestone in enumerate(_MILESTONES)}
_CYCLE = 16
"""A milestone is written as its cycle times this, plus its place."""


class _Slots(dict[int, tuple[int, Milestone]]):
    """Of what a milestone is written as: its cycle and itself."""

    def __missing__(self, code: int) -> tuple[int, Milestone]:
        cycle, place = divmod(code, _CYCLE)
        self[code] = cycle, _MILESTONES[place]
        return self[code]


_SLOTS = _Slots()
_pack = cast("Callable[[list[Any]], bytes]", msgpack.packb)  # msgpack has no types
_unpack = cast("Callable[[bytes], list[Any]]", msgpack.unpackb)


def encode(lead: KpiLead, generation: str) -> bytes:
    """Return *lead*, counted under *generation*, as bytes."""
    standing = lead.standing
    usual = standing.owner
    marks = [
        (cycle * _CYCLE + _PLACE[each], order, at)
        if owner == usual and not amount and not currency
        else (cycle * _CYCLE + _PLACE[each], order, at, owner, amount, currency)
        for (cycle, each), (order, at, owner, amount, currency) in lead.marks.items()
    ]
    marks.sort()
    deeds = [(key, *deed) for key, deed in sorted(lead.deeds.items())]
    offers = [(*place, *offer) for place, offer in sorted(lead.offers.items())]
    who = (lead.stood, *standing)
    return _pack([FORMAT, generation, who, marks, deeds, offers, int(lead.gone)])


def decode(lead_id: str, data: bytes) -> tuple[KpiLead, str]:
    """
    Return the lead that `encode` made *data* of, and the generation of the rules it was counted under.

    Raises:
        StoredOtherwise: The bytes are of another format.
    """
    parts = _unpack(data)
    if parts[0] != FORMAT:
        raise StoredOtherwise(f"lead {lead_id} is", parts[0], FORMAT)
    generation, (stood, origin, owner, segments), marks, deeds, offers, gone = parts[1:]
    standing = Standing(origin, owner, tuple([(name, value) for name, value in segments]))
    return KpiLead(
        lead_id,
        standing,
        stood,
        {_SLOTS[code]: Mark(order, at, *(rest or (owner,))) for code, order, at, *rest in marks},
        {key: Deed(*deed) for key, *deed in deeds},
        {(cycle, handoff): Offer(*offer) for cycle, handoff, *offer in offers},
        gone=bool(gone),
    ), generation
