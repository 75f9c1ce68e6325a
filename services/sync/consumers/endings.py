"""How the background tasks of a shard end: with the shard, quietly; by anything else, loudly."""

import asyncio
from collections.abc import Callable, Iterator
from typing import cast

from services.runtime.ledger import ShardEnded


def report_end(task: asyncio.Task[None], failed: Callable[[BaseException], None]) -> None:
    """Tell *failed* what ended *task*, unless it was cancelled or its shard ended."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    for each in leaves(error):
        if not isinstance(each, ShardEnded):
            failed(each)
            return


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in *error*, which may be a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from leaves(each)
    else:
        yield error
