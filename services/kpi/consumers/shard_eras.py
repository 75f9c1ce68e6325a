"""
What was promised when, as one shard keeps it: facts, by which a clock is worked out again to the same result.

| name       | type   | holds                                                                          |
|------------|--------|--------------------------------------------------------------------------------|
| eras       | string | what was promised when, see services.kpi.adapters.rulebook_codec                |
| worked-out | string | the number of the era by whose rules all clocks of the shard are worked out     |
| recompute  | hash   | how many clocks the last change moved: ``earlier``, ``later``, ``ended``, ``begun`` |
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from services.kpi.consumers.promised import Forms, Promised
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.sla.changes import Move
from services.kpi.domain.sla.rulebook import BookEra, next_era
from services.runtime.clock import Clock
from services.runtime.operations import Operations
from services.runtime.shard import Shard

ERAS, WORKED_OUT, RECOMPUTE = "eras", "worked-out", "recompute"


class ShardEras:
    """
    The eras of *shard*; all of it holds once it was opened.

    `is_behind` is whether there may be clocks that other rules than those of `era` worked out.
    """

    def __init__(self, shard: Shard, forms: Forms, clock: Clock) -> None:
        self.rules = ClockRules()
        self.traits: frozenset[str] = frozenset()
        self.is_behind = False
        self._shard = shard
        self._forms = forms
        self._clock = clock
        self._history: tuple[BookEra, ...] = ()
        self._older: dict[int, ClockRules] = {}

    @property
    def era(self) -> BookEra:
        """The era that holds."""
        return self._history[-1]

    async def open(self, promised: Promised) -> BookEra | None:
        """Read the eras; where what is promised has changed a new one begins. Return the one before it, if any."""
        stored, worked_out = await self._shard.store.mget(
            [self._shard.key(each) for each in (ERAS, WORKED_OUT)]
        )
        history = promised.history if stored is None else self._forms.decode_eras(stored)
        begun = next_era(
            history,
            promised.book,
            self._forms.fingerprint(promised.book),
            now=self._clock(),
            first_at=promised.from_at,
            reaching_back=promised.reaching_back,
        )
        following = history if begun is None else (*history, begun)
        if begun is not None or stored is None:
            await self._begin(following)
        self._history, self.rules = following, ClockRules.of(following)
        self.traits = self.rules.traits
        fresh = self._shard.ledger.offset < 0  # then nothing is known of any lead
        self.is_behind = not fresh and (worked_out is None or int(worked_out) != self.rules.number)
        return history[-1] if begun is not None and history else None

    def older(self, number: int) -> ClockRules | None:
        """Return the rules of that number, by which clocks were worked out; None where they are those that hold."""
        if not 0 < number < self.rules.number:
            return None
        if number not in self._older:
            self._older[number] = ClockRules.of(self._history[:number])
        return self._older[number]

    def note(self, operations: Operations, moves: Sequence[Move]) -> None:
        """Add to *operations* that there were *moves*."""
        if moves:
            operations.hincrby(self._shard.key(RECOMPUTE), Counter(str(each.shift) for each in moves))

    async def agree(self) -> Mapping[str, int]:
        """Commit that all clocks of the shard are worked out by the rules in force; return how many of them moved."""
        await self._shard.commit(Operations().set(self._shard.key(WORKED_OUT), str(self.rules.number)))
        self.is_behind = False
        (found,) = await self._shard.store.read([("HGETALL", self._shard.key(RECOMPUTE))])
        return {name.decode(): int(count) for name, count in found.items()}

    async def _begin(self, history: Sequence[BookEra]) -> None:
        operations = Operations().set(self._shard.key(ERAS), self._forms.encode_eras(history))
        operations.delete(self._shard.key(RECOMPUTE))
        if self._shard.ledger.offset < 0:
            operations.set(self._shard.key(WORKED_OUT), str(len(history)))
        await self._shard.commit(operations)
