"""How the background tasks of a shard end: with the shard, quietly; by anything else, loudly."""

import asyncio
from collections.abc import Callable

from services.errors import leaves
from services.runtime.ledger import ShardEnded


def report_end(task: asyncio.Task[None], failed: Callable[[BaseException], None]) -> None:
    """Tell *failed* what ended *task*, unless it was cancelled or its shard ended."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    for each in leaves(error):
        if not isinstance(each, ShardEnded):
            failed(each)
            return
