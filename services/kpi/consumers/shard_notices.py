"""
The ledgers of the sinks in one shard: in memory as committed, and in the store.

| name                | type       | member or field → value                                                        |
|---------------------|------------|--------------------------------------------------------------------------------|
| sinks               | hash       | sink → epoch ms until which it asked to be left alone                          |
| sink:<s>:waiting    | hash       | [target, alert id] → the alert, since when, its number; until it is done       |
| sink:<s>:channels   | hash       | target → last messages' times, what is out, tries, when next                   |
| sink:<s>:told       | hash       | [target, clock] → epoch ms; who may have heard that a promise was broken       |
| sink:<s>:done       | sorted set | [target, alert id] → epoch ms; for as long as the sink's rule remembers        |
| sink:<s>:counts     | hash       | outcome → how many alerts ended so                                             |
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import structlog

from services.kpi.consumers.notice_codec import (
    name_of_place,
    name_of_told,
    packed_channel,
    packed_waiting,
    read_channel,
    read_place,
    read_told,
    read_waiting,
)
from services.kpi.consumers.refusals import refusal
from services.kpi.consumers.task_requests import asked
from services.kpi.domain.notice_ledger import Change, SinkLedger
from services.kpi.domain.notice_rules import SinkRule
from services.kpi.domain.notices import Channel, Outcome, Place
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.shard import Shard
from services.runtime.store import Command

_log = structlog.get_logger(__name__)

SINKS = "sinks"
_FORGOTTEN_AT_ONCE = 200

Found = TypeVar("Found")
Counted = Callable[[str, str, int], None]
"""Told, after the commit: the sink, the outcome, how many alerts."""


class ShardSink:
    """See `SinkQueue` in services.kpi.application.notify: one sink's ledger, and what it needs of the store."""

    def __init__(self, shard: Shard, name: str, ledger: SinkLedger, counted: Counted) -> None:
        self.name = name
        self._shard = shard
        self._ledger = ledger
        self._counted = counted

    @property
    def ledger(self) -> SinkLedger:
        """The ledger as committed."""
        return self._ledger

    async def change(self, decide: Callable[[SinkLedger], tuple[Change, Found]]) -> Found:
        """See `SinkQueue.change`."""
        async with self._shard.turn() as turn:
            change, found = decide(self._ledger)
            if change:
                operations = Operations()
                self.stage(operations, change)
                await turn.commit(operations, emissions=[*self._refusals(change), *map(asked, change.asks)])
                self.accept(change)
            return found

    async def forget(self, rule: SinkRule, now: int) -> None:
        """Drop what was done longer ago than *rule* remembers."""
        before = now - rule.remembers_ms
        done = self._key("done")
        (old,) = await self._shard.store.read(
            [("ZRANGEBYSCORE", done, "-inf", before, "LIMIT", 0, _FORGOTTEN_AT_ONCE)]
        )
        told = list(self._ledger.told_before(before))
        if old or told:
            async with self._shard.turn() as turn:
                operations = Operations().zrem(done, [each.decode() for each in old])
                self.stage(operations, change := Change(untold=told))
                await turn.commit(operations)
                self.accept(change)

    async def done(self, places: Sequence[Place]) -> Mapping[Place, int]:
        """Return those of *places* whose alert is done, and since when, epoch ms."""
        if not places:
            return {}
        names = [name_of_place(each) for each in places]
        (scores,) = await self._shard.store.read([("ZMSCORE", self._key("done"), *names)])
        return {
            place: int(float(score)) for place, score in zip(places, scores, strict=True) if score is not None
        }

    def stage(self, operations: Operations, change: Change) -> None:
        """Add *change* to *operations*."""
        waiting, told = self._key("waiting"), self._key("told")
        operations.hset(
            waiting, {name_of_place(at): packed_waiting(each) for at, each in change.wait.items()}
        )
        names = [name_of_place(each) for each in change.done]
        operations.hdel(waiting, names)
        operations.zadd(self._key("done"), dict.fromkeys(names, change.at))
        operations.hincrby(self._key("counts"), _tally(change))
        operations.hset(
            self._key("channels"), {target: packed_channel(each) for target, each in change.channels.items()}
        )
        operations.hset(told, {name_of_told(each): at for each, at in change.told.items()})
        operations.hdel(told, [name_of_told(each) for each in change.untold])
        if change.held_until is not None or change.wait:
            held_until = self._ledger.held_until if change.held_until is None else change.held_until
            operations.hset(self._shard.key(SINKS), {self.name: held_until})

    def accept(self, change: Change) -> None:
        """Take over *change*, which is committed."""
        self._ledger.apply(change)
        for outcome, count in _tally(change).items():
            self._counted(self.name, outcome, count)
            if outcome != Outcome.DELIVERED:
                _log.info("notice.dropped", sink=self.name, outcome=outcome, count=count)

    def _refusals(self, change: Change) -> list[Emission]:
        refused = [place for place, outcome in change.done.items() if outcome is Outcome.REFUSED]
        found = ((self._ledger.find(place), Channel(self.name, place.target)) for place in refused)
        return [
            refusal(each.notice, channel, change.refusal, change.at)
            for each, channel in found
            if each is not None
        ]

    def _key(self, part: str) -> str:
        return self._shard.key(f"sink:{self.name}:{part}")


async def load_sinks(shard: Shard, rules: Mapping[str, SinkRule], counted: Counted) -> dict[str, ShardSink]:
    """Return the ledgers that *shard* holds and those of all sinks of *rules*, by name."""
    (stored,) = await shard.store.read([("HGETALL", shard.key(SINKS))])
    held = {name.decode(): int(until) for name, until in stored.items()}
    names = [*rules, *(name for name in held if name not in rules)]
    parts = ("waiting", "channels", "told")
    commands: list[Command] = [
        ("HGETALL", shard.key(f"sink:{name}:{part}")) for name in names for part in parts
    ]
    found = await shard.store.read(commands)
    ledgers = {
        name: SinkLedger(
            waiting={read_place(each): read_waiting(data) for each, data in found[3 * at].items()},
            channels={each.decode(): read_channel(data) for each, data in found[3 * at + 1].items()},
            told={read_told(each): int(told_at) for each, told_at in found[3 * at + 2].items()},
            held_until=held.get(name, 0),
        )
        for at, name in enumerate(names)
    }
    return {name: ShardSink(shard, name, ledger, counted) for name, ledger in ledgers.items()}


def _tally(change: Change) -> dict[str, int]:
    return {outcome.value: count for outcome, count in Counter(change.done.values()).items()}
