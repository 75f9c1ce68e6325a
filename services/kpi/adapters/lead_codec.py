"""
A lead of the KPIs as bytes in the store: MessagePack, the same bytes for the same lead.

`[FORMAT, generation, texts, standing, marks, deeds, offers, gone]`: the last four flat, sorted by slot, texts named by
their place in the table. `generation` is that of the rules under which the lead's counters stand.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

import msgpack

from services.kpi.domain.facts import Milestone, Standing
from services.kpi.domain.lead import Deed, KpiLead, Mark, Offer

FORMAT = 1
_MILESTONES = tuple(Milestone)
_PLACE = {milestone: place for place, milestone in enumerate(_MILESTONES)}
_CYCLE = 16
"""A milestone is written as its cycle times this, plus its place."""
_pack = cast("Callable[[list[Any]], bytes]", msgpack.packb)  # msgpack has no types
_unpack = cast("Callable[[bytes], list[Any]]", msgpack.unpackb)


def encode(lead: KpiLead, generation: str) -> bytes:
    """Return *lead*, counted under *generation*, as bytes."""
    texts: dict[str, int] = {}

    def text(value: str) -> int:
        return texts.setdefault(value, len(texts))

    standing = lead.standing
    who: list[Any] = [lead.stood, text(standing.origin), text(standing.owner)]
    for name, value in standing.segments:
        who += text(name), text(value)
    marks: list[int] = []
    for code, mark in sorted(
        (cycle * _CYCLE + _PLACE[each], mark) for (cycle, each), mark in lead.marks.items()
    ):
        marks += code, mark.order, mark.at, text(mark.owner), mark.amount, text(mark.currency)
    deeds: list[Any] = []
    for key, deed in sorted(lead.deeds.items()):
        deeds += key, deed.order, deed.at, text(deed.kind), text(deed.outcome), text(deed.owner)
    offers: list[int] = []
    for (cycle, handoff), offer in sorted(lead.offers.items()):
        offers += cycle, text(handoff), offer.order, offer.qualified_at, offer.offered_at
    return _pack([FORMAT, generation, list(texts), who, marks, deeds, offers, int(lead.gone)])


def decode(lead_id: str, data: bytes) -> tuple[KpiLead, str]:
    """
    Return the lead that `encode` made *data* of, and the generation of the rules it was counted under.

    Raises:
        ValueError: The bytes are of another format.
    """
    parts = _unpack(data)
    if parts[0] != FORMAT:
        raise ValueError(f"lead {lead_id} is stored in format {parts[0]!r}; this version reads {FORMAT}")
    generation, texts, who, marks, deeds, offers, gone = parts[1:]
    stood, origin, owner, *segments = who
    pairs = tuple((texts[name], texts[value]) for name, value in _records(2, segments))
    lead = KpiLead(lead_id, Standing(texts[origin], texts[owner], pairs), stood, gone=bool(gone))
    for code, order, at, whose, amount, currency in _records(6, marks):
        cycle, place = divmod(code, _CYCLE)
        lead.marks[cycle, _MILESTONES[place]] = Mark(order, at, texts[whose], amount, texts[currency])
    for key, order, at, kind, outcome, whose in _records(6, deeds):
        lead.deeds[key] = Deed(order, at, texts[kind], texts[outcome], texts[whose])
    for cycle, handoff, order, qualified_at, offered_at in _records(5, offers):
        lead.offers[cycle, texts[handoff]] = Offer(order, qualified_at, offered_at)
    return lead, generation


def _records(size: int, flat: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Yield what stands in *flat* in groups of *size*."""
    each = iter(flat)
    return zip(*[each] * size, strict=True)
