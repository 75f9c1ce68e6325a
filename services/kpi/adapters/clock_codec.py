"""
The clocks of a lead as bytes in the store: MessagePack, the same bytes for the same state.

`[FORMAT, generation, era, cycles, traits, clocks]`; a clock is `[cycle, policy, marks, counted]`, a mark `[round, step,
told_for_at, times, flags]`, a round that is counted `[round, met, minute, segments]`.
"""

from services.kpi.domain.lead_clocks import ClockState, Verdict
from services.kpi.domain.sla.facts import Trait
from services.kpi.domain.sla.telling import Mark
from services.runtime.packing import pack, unpack
from services.runtime.stored_format import StoredOtherwise

FORMAT = 2
_STANDS, _HEARD = 1, 2


def encode_clocks(state: ClockState) -> bytes:
    """Return *state* as bytes."""
    clocks = [
        [
            *which,
            [
                [*step, mark.told_for_at, mark.times, mark.stands * _STANDS | mark.heard * _HEARD]
                for step, mark in sorted(state.marks.get(which, {}).items())
            ],
            [[number, *verdict] for number, verdict in sorted(state.counted.get(which, {}).items())],
        ]
        for which in sorted(state.marks.keys() | state.counted.keys())
    ]
    cycles = [[cycle, *told] for cycle, told in sorted(state.cycles.items())]
    return pack([FORMAT, state.generation, state.era, cycles, [[*each] for each in state.traits], clocks])


def decode_clocks(data: bytes) -> ClockState:
    """
    Return the state that `encode_clocks` made *data* of.

    Raises:
        StoredOtherwise: The bytes are of another format.
    """
    form, *parts = unpack(data)
    if form != FORMAT:
        raise StoredOtherwise("clocks are", form, FORMAT)
    generation, era, cycles, traits, clocks = parts
    state = ClockState(generation, era, {cycle: (order, at) for cycle, order, at in cycles})
    state.traits = [Trait(*each) for each in traits]
    for cycle, policy, marks, counted in clocks:
        if marks:
            state.marks[cycle, policy] = {
                (number, step): Mark(at, times, bool(flags & _STANDS), bool(flags & _HEARD))
                for number, step, at, times, flags in marks
            }
        if counted:
            state.counted[cycle, policy] = {
                number: Verdict(met, minute, tuple(segments)) for number, met, minute, segments in counted
            }
    return state
