"""Shards at work under a load that never pauses, each record told on to far ones; both sums must be exact in the end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from services.runtime.keys import ShardId
from services.runtime.log.port import ID_HEADER, PRODUCER_HEADER, Log, LogUnavailable, Record
from services.runtime.patience import Patience
from services.runtime.store import Store, StoreUnavailable
from services.runtime.worker import ShardWorker
from tests.private_store import fresh_shard
from tests.toy_shards import FAR_TOPIC, NEAR_TOPIC, Sums, make_topics, mechanism, working
from tests.waiting import wait_until

PARTITIONS = 6
KEYS = 30
PATIENT = Patience(first_ms=5, most_ms=50, give_up_ms=40_000)


@dataclass
class Load:
    """Amounts that are appended without a pause, and what must come of them."""

    log: Log
    store: Store
    service: str
    sent: dict[str, int] = field(default_factory=dict[str, int])
    count: int = 0
    repeats: int = 0
    near: ShardWorker | None = None

    async def send(self, count: int = 1) -> None:
        """Append *count* amounts; again where it isn't known whether they arrived, under the same ids."""
        numbers = range(self.count + 1, self.count + count + 1)
        self.count += count
        for number in numbers:
            self.sent[_key(number)] = self.sent.get(_key(number), 0) + number
        while True:
            with suppress(LogUnavailable):
                return await self.log.append([_record(number) for number in numbers])
            self.repeats += 1

    async def flow(self) -> None:
        """Append until cancelled."""
        while True:
            await self.send(5)
            await asyncio.sleep(0.002)

    def shards(self, *, far: bool = False) -> list[ShardId]:
        """Return the shards of this side."""
        service, topic = (f"far-{self.service}", FAR_TOPIC) if far else (self.service, NEAR_TOPIC)
        return [ShardId(service, topic, number) for number in range(PARTITIONS)]

    async def settled(self) -> None:
        """Wait until everything is folded and told on."""
        await wait_until(self._is_settled, description="all is folded", every_s=0.1)

    async def totals(self, *, far: bool = False) -> dict[str, int]:
        """Return the sums that the shards of this side hold."""
        found: dict[str, int] = {}
        for shard in self.shards(far=far):
            values = await self.store.mget([shard.key(f"total:k{number}") for number in range(KEYS)])
            found |= {f"k{number}": int(value) for number, value in enumerate(values) if value is not None}
        return found

    async def _is_settled(self) -> bool:
        with suppress(StoreUnavailable):  # who takes over is known to one server after the other
            return await self._is_folded()
        return False

    async def _is_folded(self) -> bool:
        for far in (False, True):
            ends = await self.log.offsets(FAR_TOPIC if far else NEAR_TOPIC)
            for shard in self.shards(far=far):
                ledger = await self.store.ledger(shard)
                if ledger.offset < ends[shard.partition].end - 1:
                    return False
                if await self.store.read([("XLEN", shard.outbox_key)]) != [0]:
                    return False
        return True


def _key(number: int) -> str:
    return f"k{number % KEYS}"


def _record(number: int) -> Record:
    headers = {PRODUCER_HEADER: "feed", ID_HEADER: f"{number}-0"}
    return Record(NEAR_TOPIC, _key(number), b"%d" % number, headers)


@asynccontextmanager
async def under_load(store: Store, log: Log) -> AsyncGenerator[Load]:
    """Give shards at work in *store* and *log*, each record told on to far ones; afterwards both sums must be exact."""
    load = Load(log, store, fresh_shard().service)
    await make_topics(log, partitions=PARTITIONS)
    parts = mechanism(store, log, patience=PATIENT)
    async with (
        working(load.service, Sums(tells=FAR_TOPIC), parts, max_records=20) as near,
        working(f"far-{load.service}", Sums(), parts, topic=FAR_TOPIC) as far,
    ):
        load.near = near
        await load.send(300)
        await load.settled()
        flowing = asyncio.create_task(load.flow())
        try:
            yield load
        finally:
            flowing.cancel()
            await asyncio.wait([flowing])
        await load.settled()
        assert near.failure is None
        assert far.failure is None
        assert await load.totals() == load.sent
        assert await load.totals(far=True) == load.sent
