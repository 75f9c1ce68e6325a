"""What stands on the topics at the end, read from their beginnings without a group."""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence

import orjson

from schemas.alerts import ALERT, AlertRetold, ClockAlert, SlaRecomputed
from schemas.lifecycle import LIFECYCLE_FACT, LifecycleFact
from schemas.topics import ALERTS, DECISIONS, LEAD_CHANGES, LIFECYCLE, TOPICS
from services.runtime.log.port import Log, LogRecord, origin_of


async def records(log: Log, topic: str) -> AsyncGenerator[LogRecord]:
    """Yield the records of *topic*, partition by partition."""
    for partition, each in (await log.offsets(topic)).items():
        offset = each.begin
        while page := await log.read(topic, partition, offset, limit=2_000):
            for record in page:
                yield record
            offset = page[-1].offset + 1


async def doubled(log: Log) -> dict[str, int]:
    """Return for each topic with any how many records stand there once more than once, by producer and id."""
    found: dict[str, int] = {}
    for topic in TOPICS:
        told = Counter([(origin_of(each.headers), each.partition) async for each in records(log, topic.name)])
        again = sum(count - 1 for (origin, _), count in told.items() if origin is not None)
        if again:
            found[topic.name] = again
    return found


async def facts(log: Log) -> list[LifecycleFact]:
    """Return the facts of the lifecycle, each once."""
    found: dict[str, LifecycleFact] = {}
    async for record in records(log, LIFECYCLE.name):
        fact = LIFECYCLE_FACT.validate_json(record.value or b"")
        found.setdefault(fact.id, fact)
    return list(found.values())


async def alerts(log: Log) -> tuple[list[ClockAlert], int]:
    """Return the alerts of clocks, each once and in order, and how many stand there again, under whatever id."""
    found: dict[str, ClockAlert] = {}
    again = 0
    async for record in records(log, ALERTS.name):
        alert = ALERT.validate_json(record.value or b"")
        if isinstance(alert, SlaRecomputed | AlertRetold):
            continue
        again += alert.id in found
        found.setdefault(alert.id, alert)
    return list(found.values()), again


async def without_cause(log: Log) -> Sequence[str]:
    """
    Return the decisions whose cause doesn't stand in the log.

    The id of a decision begins with partition and offset of the change that led to it; that change must be there, and be
    about the same lead. What a sweep found is no decision.
    """
    wrong: list[str] = []
    async for record in records(log, DECISIONS.name):
        event = orjson.loads(record.value or b"null")
        if not event["data"].get("decisions"):
            continue
        partition, offset, *_ = event["id"].split("-")
        found = await log.read(LEAD_CHANGES.name, int(partition), int(offset), limit=1)
        causes = [orjson.loads(each.value or b"{}") for each in found if each.offset == int(offset)]
        if [each.get("subject") for each in causes] != [event["subject"]]:
            wrong.append(event["id"])
    return wrong


NAMES = tuple(each.name for each in TOPICS)
