"""The lifecycle topic as lines of JSON for DuckDB, up to given offsets."""

from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from schemas.order import told_order
from schemas.reading import Unreadable, read
from schemas.topics import LIFECYCLE
from services.runtime.log.port import Log, LogRecord

_PAGE = 2_000
_HEAD, _TAIL = "tasuki.lifecycle.", ".v1"


async def write_topic(
    log: Log, up_to: Mapping[int, int], file: Path, *, told: Callable[[int, int], None]
) -> int:
    """
    Write the records of the topic up to the offsets *up_to* (partition → offset, included) to *file*.

    What isn't as its schema says, or isn't about the lead of its key, is left out: it is in the dead letters.

    Args:
        log: Where the topic is.
        up_to: -1 for a partition of which nothing is wanted.
        file: Written anew, one line for each record.
        told: Told how many records were read, of how many offsets in all.

    Returns:
        How many records were read.

    Raises:
        LogUnavailable: The log doesn't answer.
    """
    total, count = sum(offset + 1 for offset in up_to.values()), 0
    with file.open("wb") as lines:
        async for record in _records(log, up_to):
            count += 1
            if (line := _line(record)) is not None:
                lines.write(line)
            if count % _PAGE == 0:
                told(count, total)
    told(count, total)
    return count


async def _records(log: Log, up_to: Mapping[int, int]) -> AsyncGenerator[LogRecord]:
    begins = await log.offsets(LIFECYCLE.name)
    for partition, last in sorted(up_to.items()):
        offset = begins[partition].begin if partition in begins else last + 1
        while offset <= last:
            page = await log.read(LIFECYCLE.name, partition, offset, limit=_PAGE)
            for record in page:
                if record.offset <= last:
                    yield record
            if not page:
                break
            offset = page[-1].offset + 1


def _line(record: LogRecord) -> bytes | None:
    try:
        event = read(LIFECYCLE, record.value)
    except Unreadable:
        return None
    if not record.key or event.subject != record.key:
        return None
    raw: dict[str, Any] = orjson.loads(record.value or b"")
    line = {
        "lead": record.key,
        "told": told_order(event),
        "appended_at": record.appended_at,
        "kind": str(raw["type"]).removeprefix(_HEAD).removesuffix(_TAIL),
        "data": raw["data"],
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
