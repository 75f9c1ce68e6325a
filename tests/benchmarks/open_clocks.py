"""A store with many open clocks, written by the service's own fold and commits; only the log is left out."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.topics import LIFECYCLE
from services.errors import Misconfigured
from services.kpi.app.counting import SERVICE, Promises, make_counting
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.log.port import LogRecord, Record, partition_of
from services.runtime.mechanism import Mechanism
from services.runtime.metrics import Metrics
from services.runtime.processor import Processor
from services.runtime.shard import open_shard
from tests.benchmarks.kpi_service import Bench
from tests.kpi_facts import HOUR, Teller, records

BATCH = 1_000
BUDGET_MS = 24 * HOUR
FIRST_MS, LAST_MS = HOUR, 20 * HOUR
"""From now until the first and the last of them comes due."""


@dataclass(frozen=True, slots=True)
class Mql:
    """A lead that qualified, and when its promise runs out."""

    lead: str
    due_at: int


def lead_id(number: int) -> str:
    """Return an id as long as sync gives them."""
    return f"01890a5d-ac96-774b-bcce-{number:012d}"


_TEMPLATE: list[bytes] = []


def record(mql: Mql, number: int) -> Record:
    """Return the fact, as sync would tell it; validating a million of them here would take longer than folding them."""
    if not _TEMPLATE:
        teller = Teller()
        teller.reached("LEAD", "mql", 4242, holder="OWNER", origin="sdr", segments={"source": "web"})
        _TEMPLATE.append(records(teller.told)[0].value or b"")
    value = _TEMPLATE[0].replace(b"4242", b"%d" % (mql.due_at - BUDGET_MS))
    value = value.replace(b"LEAD", mql.lead.encode()).replace(b"0-0-f0", b"0-%d-f0" % number)
    return Record(LIFECYCLE.name, mql.lead, value.replace(b"OWNER", b"is-%d@firm.example" % (number % 10)))


def spread(count: int, now: int, first: int = 0) -> Iterator[Mql]:
    """Yield so many whose deadlines lie evenly over the hours to come."""
    for number in range(count):
        yield Mql(lead_id(first + number), now + FIRST_MS + (LAST_MS - FIRST_MS) * number // count)


async def fill(bench: Bench, mqls: Iterator[Mql]) -> int:
    """
    Let the shards hold *mqls*; return how many. The service must not run.

    The offsets stay as they are: for the service's next owner nothing was read from the log.
    """
    partitions = bench.settings.log.partitions
    failures: list[BaseException] = []
    promises = Promises(bench.settings, bench.store, now_ms)
    await promises.start()
    counting = make_counting(
        bench.settings,
        promises,
        log=bench.log,
        clock=now_ms,
        metrics=Metrics(),
        failed=failures.append,
        companions=(),
    )
    waiting: list[list[LogRecord]] = [[] for _ in range(partitions)]
    full = asyncio.Queue[list[LogRecord]](2)
    writing = asyncio.create_task(_write(bench, counting, full))
    count = 0
    for count, mql in enumerate(mqls, start=1):
        made = record(mql, count)
        place = partition_of(mql.lead, partitions)
        waiting[place].append(
            LogRecord(made.topic, place, count, made.key, made.value, made.headers, now_ms())
        )
        if len(waiting[place]) == BATCH:
            await full.put(waiting[place])
            waiting[place] = []
    for each in waiting:
        if each:
            await full.put(each)
    await full.put([])
    await writing
    for failure in failures:
        raise failure
    return count


async def _write(bench: Bench, counting: Processor, full: asyncio.Queue[list[LogRecord]]) -> None:
    mechanism = Mechanism(store=bench.store, log=bench.log)

    def ended(_shard: object, why: BaseException) -> None:
        raise Misconfigured("the store is used by somebody else") from why

    shards = [
        await open_shard(ShardId(SERVICE, LIFECYCLE.name, number), mechanism, on_ended=ended)
        for number in range(bench.settings.log.partitions)
    ]
    for shard in shards:
        await counting.opened(shard)
    while batch := await full.get():
        shard = shards[batch[0].partition]
        async with shard.turn() as turn:
            fold = await counting.fold(shard, batch)
            await turn.commit(fold.operations)
        if fold.applied is not None:
            fold.applied()
    for shard in shards:
        await counting.closed(shard)
