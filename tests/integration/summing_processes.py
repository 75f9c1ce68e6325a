"""Starts processes of the toy service and asks what they made of its topics."""

import asyncio
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from services.runtime.keys import ShardId
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import LogRecord, Record, TopicSpec
from services.runtime.store import Store
from tests.toy_shards import offset_of, totals
from tests.waiting import wait_until

_SCRIPT = Path(__file__).with_name("summing_worker.py")


class WorkerProcess:
    """One process; `lines` is what it said so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[str] = []
        self._process = process
        self._listening = asyncio.create_task(self._listen())

    def send(self, what: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(what)

    async def said(self, start: str) -> None:
        """Wait until it said a line beginning with *start*."""
        await wait_until(
            lambda: any(line.startswith(start) for line in self.lines),
            description=f"{start!r} among {self.lines}",
        )

    async def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it, and wait for that."""
        with suppress(ProcessLookupError):
            self._process.send_signal(how)
        await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(line.decode().strip())


class SummingService:
    """The toy service of one test: its topics, its shards, and what came of them."""

    def __init__(self, url: str, service: str, partitions: int, store: Store, log: EmbeddedLog) -> None:
        self._url = url
        self._service = service
        self._partitions = partitions
        self._store = store
        self._log = log
        self._near, self._far = f"{service}.amounts", f"{service}.told"
        self._sent: dict[str, int] = {}
        self._count = 0
        self._processes: list[WorkerProcess] = []

    async def process(self, *, hold: bool = False) -> WorkerProcess:
        """Start a process; it breathes long in its first fold if told to *hold*."""
        words = (self._url, self._service, str(self._partitions), "hold" if hold else "go")
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, str(_SCRIPT), *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._processes.append(WorkerProcess(started))
        return self._processes[-1]

    async def send(self, count: int) -> None:
        """Append *count* amounts for 20 keys."""
        pairs = [(f"k{number % 20}", number) for number in range(self._count, self._count + count)]
        self._count += count
        for key, amount in pairs:
            self._sent[key] = self._sent.get(key, 0) + amount
        await self._log.append([Record(self._near, key, b"%d" % amount) for key, amount in pairs])

    async def all_done(self) -> None:
        """Wait until every record is applied and every event of it is in the log."""
        await wait_until(self._is_done, description="all records applied and told")

    async def check(self) -> None:
        """Assert that every amount counts once, and that the far topic tells each at least once, in order."""
        found: dict[str, int] = {}
        for shard in self._shards():
            found |= await totals(self._store, shard)
        assert found == self._sent
        taken = first_seen(await self._told())
        assert len(taken) == self._count
        amounts: dict[str, int] = {}
        for record in taken:
            amounts[record.key] = amounts.get(record.key, 0) + int(record.value or b"0")
        assert amounts == self._sent

    async def end(self) -> None:
        """End all processes."""
        for process in self._processes:
            await process.end()

    def _shards(self) -> list[ShardId]:
        return [ShardId(self._service, self._near, partition) for partition in range(self._partitions)]

    async def _is_done(self) -> bool:
        ends = await self._log.offsets(self._near)
        for shard in self._shards():
            end = ends[shard.partition].end
            if ends[shard.partition].begin < end and await offset_of(self._store, shard) != end - 1:
                return False
            if await self._store.client.xlen(shard.outbox_key):
                return False
        return True

    async def _told(self) -> list[LogRecord]:
        records: list[LogRecord] = []
        offset = 0
        while page := await self._log.read(self._far, 0, offset):
            records += page
            offset = page[-1].offset + 1
        return records


def first_seen(records: Sequence[LogRecord]) -> list[LogRecord]:
    """Return what a consumer that keeps the last id of each producer takes."""
    last: dict[str, tuple[int, ...]] = {}
    taken: list[LogRecord] = []
    for record in records:
        producer = record.headers["outbox-shard"]
        found = tuple(int(part) for part in record.headers["outbox-id"].split("-"))
        if found > last.get(producer, (-1, -1)):
            last[producer] = found
            taken.append(record)
    return taken


@asynccontextmanager
async def summing(url: str, unique: str, *, partitions: int) -> AsyncGenerator[SummingService]:
    """Give a toy service on the embedded log and the store at *url*; end its processes after."""
    store, log = Store(url), EmbeddedLog(url)
    await store.start()
    await log.start()
    await log.ensure_topics([TopicSpec(f"{unique}.amounts", partitions), TopicSpec(f"{unique}.told", 1)])
    service = SummingService(url, unique, partitions, store, log)
    try:
        yield service
    finally:
        await service.end()
        await log.close()
        await store.close()
