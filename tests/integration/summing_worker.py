"""
A process of the toy service on the embedded log, for tests that stop, continue and kill it.

Run by path with URL, service, partitions and "hold" or "go". It prints a word a line: `opened <partition>`,
`folding` (once, before a long breath, if told to hold), `closed <partition> <why>`, `failed <why>`.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import LogRecord, TopicSpec
from services.runtime.mechanism import Mechanism
from services.runtime.processor import Fold
from services.runtime.shard import Shard
from services.runtime.store import Store
from services.runtime.worker import ShardWorker
from tests.toy_shards import Sums

LEASE_MS = 1_000


def say(*words: object) -> None:
    """Print one line at once."""
    print(*words, flush=True)


class TalkingSums(Sums):
    """Sums that tell what happens to them."""

    def __init__(self, tells: str, *, hold: bool) -> None:
        super().__init__(tells=tells)
        self._hold = hold

    async def opened(self, shard: Shard) -> None:
        """See `Processor.opened`."""
        await super().opened(shard)
        say("opened", shard.id.partition)

    async def closed(self, shard: Shard) -> None:
        """See `Processor.closed`."""
        await super().closed(shard)
        say("closed", shard.id.partition, type(shard.ended).__name__)

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """See `Processor.fold`."""
        fold = await super().fold(shard, records)
        if self._hold:
            self._hold = False
            say("folding")
            await asyncio.sleep(1)  # long enough to be stopped in
        return fold


async def run(url: str, service: str, partitions: int, *, hold: bool) -> None:
    """Work until SIGTERM or a failure."""
    near, far = f"{service}.amounts", f"{service}.told"
    store, log = Store(url), EmbeddedLog(url, lease_ms=LEASE_MS, drain_ms=1_000)
    await store.start()
    await log.start()
    await log.ensure_topics([TopicSpec(near, partitions), TopicSpec(far, 1)])
    mechanism = Mechanism(store=store, log=log, verify_ms=500)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    worker = ShardWorker(
        service=service,
        topic=near,
        processor=TalkingSums(far, hold=hold),
        mechanism=mechanism,
        max_records=50,
    )
    await worker.start()
    while not told.is_set() and worker.failure is None:  # noqa: ASYNC110 - a failure is looked at, as a supervisor does
        await asyncio.sleep(0.02)
    if worker.failure is not None:
        say("failed", repr(worker.failure))
    await worker.stop()
    await log.close()
    await store.close()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), hold=sys.argv[4] == "hold"))
