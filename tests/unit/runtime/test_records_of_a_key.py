"""The records of one key over several topics: all of them, each once, in the order of their appends, however few at a time."""

from collections.abc import Iterator
from random import Random

import pytest

from services.runtime.log.of_key import records_of, stretch_of
from services.runtime.log.port import LogRecord, Record, TopicSpec
from tests.fakes.memory_log import MemoryLog

TOPICS = ("one", "two", "three", "empty")


async def _log(gap: int) -> tuple[MemoryLog, list[bytes]]:
    """Return a log, and what it holds of ann in the order of the appends."""
    chance, ticks = Random(gap), Random(3)

    def clock() -> Iterator[int]:
        now = 1_000
        while True:
            now += ticks.randrange(2)
            yield now

    times = clock()
    log = MemoryLog(gap=gap, clock=lambda: next(times))
    await log.ensure_topics([TopicSpec(each, 2) for each in TOPICS])
    for number in range(300):
        key = chance.choice(["ann", "ben"])
        await log.append([Record(chance.choice(TOPICS[:3]), key, f"{number}".encode())])
    found: list[LogRecord] = []
    for topic in TOPICS:
        found += [each async for each in records_of(log, topic, "ann")]
    return log, [each.value or b"" for each in found]


@pytest.mark.parametrize("gap", [1, 3])
@pytest.mark.parametrize("most_read", [1, 20, 10_000])
@pytest.mark.parametrize("limit", [1, 7, 1_000])
async def test_pages_hold_each_record_once_in_the_order_of_the_appends(
    gap: int, most_read: int, limit: int
) -> None:
    """Over any number of pages; a page is never longer than asked for."""
    log, expected = await _log(gap)
    found: list[tuple[int, bytes]] = []
    start: dict[str, int] = {}
    for _ in range(2_000):
        page = await stretch_of(log, TOPICS, "ann", start, limit=limit, most_read=most_read)
        assert len(page.records) <= limit
        found += [(each.appended_at, each.value or b"") for each in page.records]
        if page.next is None:
            break
        start = dict(page.next)
    assert sorted(value for _, value in found) == sorted(expected)
    assert [at for at, _ in found] == sorted(at for at, _ in found)


async def test_a_key_that_nobody_wrote_has_nothing() -> None:
    """In one page."""
    log, _ = await _log(1)
    page = await stretch_of(log, TOPICS, "cid", {}, limit=5, most_read=10_000)
    assert (list(page.records), page.next) == ([], None)
