"""What the composition gives to the clocks: the promises of the configuration, and the forms of what is kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.kpi.domain.lead_clocks import ClockState
from services.kpi.domain.sla.rulebook import BookEra, Rulebook


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """
    What the configuration promises.

    Args:
        book: The promises as they are now.
        from_at: From when on the very first of them hold, epoch ms: what qualified before isn't promised anything.
        reaching_back: Whether a change holds from then on too, so that what has ended is judged anew.
        grace_ms: So long firing waits for facts that are in the log and not yet read.
        batch: So many timers fire in one commit at most.
        history: The eras with which a shard begins that has none, in order: those of a deployment that is replayed.
    """

    book: Rulebook
    from_at: int
    reaching_back: bool = False
    grace_ms: int = 30_000
    batch: int = 200
    history: tuple[BookEra, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """What is kept, as bytes: see services.kpi.adapters.clock_codec and rulebook_codec."""

    encode: Callable[[ClockState], bytes]
    decode: Callable[[bytes], ClockState]
    encode_eras: Callable[[Sequence[BookEra]], bytes]
    decode_eras: Callable[[bytes], tuple[BookEra, ...]]
    fingerprint: Callable[[Rulebook], str]
