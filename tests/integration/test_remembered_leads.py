"""Leads stay decoded between batches, but only as their commits left them."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest

from schemas.lead import LeadChange
from schemas.topics import LEAD_CHANGES
from services.runtime.log.port import LogRecord
from services.runtime.mechanism import Mechanism
from services.runtime.processor import Fold
from services.runtime.shard import Shard, open_shard
from services.runtime.store_errors import InvalidOperation
from services.sync.adapters.lead_codec import decode, encode
from services.sync.app import topic_specs
from services.sync.application.decide import Decide, Decided
from services.sync.consumers.leads import LeadProcessor
from services.sync.consumers.shard_leads import REMEMBERED_LEADS, ShardLeads
from services.sync.consumers.streams import Streams
from services.sync.domain.lead import Lead
from services.sync.domain.records import Side
from tests import firm
from tests.fakes.memory_log import MemoryLog
from tests.private_store import fresh_shard, running_store


class HalfWay(Exception):
    """A bug, in the middle of a batch."""


@dataclass
class Bench:
    """A shard of leads in the hands of a processor, batch by batch; `decoded` are the leads read from bytes."""

    shard: Shard
    processor: LeadProcessor
    decoded: list[str]
    offset: int = 0
    breaks_after: int | None = None

    @property
    def leads(self) -> ShardLeads:
        return self.processor.held[self.shard.id.partition].leads

    async def fold(self, *phones: str, lead_id: str = firm.LEAD_ID) -> Fold:
        """Fold changes of a lead's phone number, and commit nothing."""
        return await self.processor.fold(self.shard, [self._record(each, lead_id) for each in phones])

    async def commit(self, fold: Fold) -> None:
        """Commit *fold* as the worker does."""
        async with self.shard.turn() as turn:
            await turn.commit(fold.operations, new_offset=self.offset)
            if fold.applied is not None:
                fold.applied()

    async def stored(self, lead_id: str = firm.LEAD_ID) -> Lead:
        """Return the lead as it stands in the store."""
        return (await self.leads.load([lead_id]))[lead_id]

    def _record(self, phone: str, lead_id: str) -> LogRecord:
        self.offset += 1
        at = firm.START + self.offset
        event = firm.observed("ma", [firm.change("phone", phone, at)], observed_at=at)
        value = event.model_copy(update={"subject": lead_id}).model_dump_json().encode()
        return LogRecord(LEAD_CHANGES.name, 0, self.offset, lead_id, value, {}, at)

    def decided(self, _event: LeadChange, _decided: Decided) -> None:
        """Break where the test says so: after the lead was changed, before anything is committed."""
        if self.breaks_after is not None:
            self.breaks_after -= 1
            if self.breaks_after < 0:
                raise HalfWay


@pytest.fixture
async def bench() -> AsyncGenerator[Bench]:
    """Give a shard that nobody else uses."""
    async with running_store() as store:
        log = MemoryLog()
        await log.ensure_topics(topic_specs(1))
        failures: list[BaseException] = []
        clock = Mechanism(store=store, log=log).clock
        decoded: list[str] = []

        def read(lead_id: str, data: bytes) -> Lead:
            decoded.append(lead_id)
            return decode(lead_id, data)

        def told(event: LeadChange, decided: Decided) -> None:
            bench.decided(event, decided)

        streams = Streams(
            connectors=(), store=store, log=log, partitions=1, clock=clock, failed=failures.append
        )
        processor = LeadProcessor(
            decide=Decide(firm.rules()),
            store=store,
            log=log,
            encode=encode,
            decode=read,
            connectors={},
            gates={},
            circuits={},
            streams=streams,
            clock=clock,
            failed=failures.append,
            decided=told,
        )
        mechanism = Mechanism(store=store, log=log)
        shard = await open_shard(fresh_shard(), mechanism, on_ended=lambda _shard, why: failures.append(why))
        bench = Bench(shard, processor, decoded)
        await processor.opened(shard)
        yield bench
        await processor.closed(shard)


def _said(lead: Lead) -> object:
    return lead.seen("phone", Side.MA).said


async def test_a_lead_is_decoded_once_for_batches_that_follow_each_other(bench: Bench) -> None:
    """Three batches change a lead that this owner made: it is never read back."""
    for phone in ("1", "2", "3"):
        await bench.commit(await bench.fold(phone))

    assert bench.decoded == []
    assert _said(await bench.stored()) == "3"


async def test_what_was_folded_but_not_committed_is_forgotten(bench: Bench) -> None:
    """The commit of a batch is refused; the next batch goes on from what stands in the store."""
    await bench.commit(await bench.fold("1"))
    lost = await bench.fold("2")
    lost.operations.hset(bench.shard.key(f"lead:{firm.LEAD_ID}"), {"a": "no hash stands there"})
    with pytest.raises(InvalidOperation):
        await bench.commit(lost)
    bench.offset = 0  # what happens now is older than what was lost
    await bench.commit(await bench.fold("1"))

    assert _said(await bench.stored()) == "1"


async def test_a_batch_that_breaks_half_way_leaves_nothing_behind(bench: Bench) -> None:
    """The lead was changed in memory when the batch broke; the next batch reads it anew."""
    await bench.commit(await bench.fold("1"))
    bench.breaks_after = 1
    with pytest.raises(HalfWay):
        await bench.fold("2", "3")
    bench.breaks_after, bench.offset = None, 0
    await bench.commit(await bench.fold("1"))

    assert _said(await bench.stored()) == "1"
    assert bench.decoded[0] == firm.LEAD_ID


async def test_a_dispatcher_never_gets_the_lead_that_batches_change(bench: Bench) -> None:
    """It holds what it loaded over many batches; neither sees what the other does to it."""
    await bench.commit(await bench.fold("1"))
    loaded = await bench.stored()
    await bench.commit(await bench.fold("2"))
    assert _said(loaded) == "1"

    loaded.register("phone", Side.MA).said = "mine"
    await bench.commit(await bench.fold("3"))
    assert _said(await bench.stored()) == "3"


async def test_only_the_latest_leads_are_remembered(bench: Bench) -> None:
    """One more than are remembered: the first is read again, the last isn't."""
    names = [f"{number:08d}-0000-7000-8000-000000000000" for number in range(REMEMBERED_LEADS + 1)]
    for name in names:
        await bench.commit(await bench.fold("1", lead_id=name))
    bench.decoded.clear()
    for name in (names[-1], names[0]):
        await bench.commit(await bench.fold("2", lead_id=name))

    assert bench.decoded == [names[0]]
