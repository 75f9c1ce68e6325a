"""A member of a group in a process of its own, to be killed: writes its ledger to a file after each batch."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from services.runtime.log.port import LogRecord
from tests.contracts.log_world import Remembering, bare_subscription, open_log, read_ledger, specs


async def take_part(kind: str, url: str, topic: str, group: str, ledger: Path, numbers: list[int]) -> None:
    """Handle batches for ever."""
    partitions, session_ms = numbers
    log = open_log(kind, url, session_ms)
    await log.start()
    await log.ensure_topics(specs(kind, topic, partitions))
    out = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def keep(partition: int, records: Sequence[LogRecord]) -> None:
        await asyncio.sleep(0.01)
        os.write(out, f"{partition} {records[-1].offset + 1}\n".encode())

    handler = Remembering(read_ledger(ledger), on_batch=keep)
    subscription = log.subscribe(topic, group, handler, max_records=5)
    await subscription.start()
    await bare_subscription(subscription).wait()
    raise SystemExit(f"the member ended: {subscription.failure}")


if __name__ == "__main__":
    kind, url, topic, group, ledger, *numbers = sys.argv[1:]
    asyncio.run(take_part(kind, url, topic, group, Path(ledger), [int(each) for each in numbers]))
