"""Inbox → observe → lead-changes."""

from collections.abc import Sequence
from typing import cast

import orjson

from schemas.dead_letters import DeadLettered
from schemas.inbox import InboxReceived
from schemas.reading import Unreadable, read
from schemas.topics import DEAD_LETTERS, INBOX, LEAD_CHANGES
from services.runtime.log.port import LogRecord, Record
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.processor import Fold
from services.runtime.shard import Shard
from services.sync.application.observe import Found, Hint, Observe
from services.sync.application.received import received
from services.sync.consumers.emissions import emission, place_of, unreadable
from services.sync.consumers.hearing import note
from services.sync.domain.records import Notification, RecordRef


class InboxProcessor:
    """See `Processor` in services.runtime.processor."""

    def __init__(self, observe: Observe) -> None:
        self._observe = observe

    async def opened(self, shard: Shard) -> None:
        """Nothing is remembered of a shard: what is observed goes on to the leads."""

    async def closed(self, shard: Shard) -> None:
        """See `opened`."""

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """Observe what *records* hint at, and count who spoke; nothing of the shard's state is needed."""
        operations = Operations()
        emissions: list[Emission] = []
        hints: list[Hint] = []
        for record in records:
            try:
                event = read(INBOX, record.value)
            except Unreadable as error:
                emissions.append(unreadable(record, error))
            else:
                hints.append(_hint(record, cast("InboxReceived", event)))
        note(operations, shard, [each.notification for each in hints])
        found = await self._observe.run(hints) if hints else []
        emissions += [_emission(each) for each in found]
        return Fold(operations, emissions)


def inbox_record(notification: Notification) -> Record:
    """Return *notification*, told by a stream of its system, as a record of the inbox."""
    event = received(notification, source=f"/{notification.ref.system}")
    return Record(INBOX.name, event["subject"], orjson.dumps(event))


def _hint(record: LogRecord, event: InboxReceived) -> Hint:
    data = event.data
    notification = Notification(
        ref=RecordRef(data.system, data.object, data.record_id),
        body=data.body,
        received_at=data.received_at,
        occurred_at=data.occurred_at,
    )
    return Hint(record.offset, f"i{place_of(record)}", notification, event.traceparent)


def _emission(found: Found) -> Emission:
    topic = DEAD_LETTERS if isinstance(found.event, DeadLettered) else LEAD_CHANGES
    return emission(topic.name, found.key, found.event, found.offset)
