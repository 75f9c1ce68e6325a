"""
Requests → lead-changes: what others ask of a lead goes on into its changes, where its shard takes it in.

So a lead stays a function of its changes alone, and a request for a lead that went into another follows it there.
"""

from collections.abc import Sequence
from typing import cast

from schemas.lead import LeadTaskOver, LeadTaskWanted
from schemas.reading import Unreadable, read
from schemas.requests import Request, TaskWanted
from schemas.topics import LEAD_CHANGES, REQUESTS
from services.runtime.log.port import LogRecord
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.processor import Fold
from services.runtime.shard import Shard
from services.sync.application.tell import SOURCE
from services.sync.consumers.emissions import emission, place_of, unreadable


class RequestProcessor:
    """See `Processor` in services.runtime.processor."""

    async def opened(self, shard: Shard) -> None:
        """Nothing is remembered of a shard."""

    async def closed(self, shard: Shard) -> None:
        """See `opened`."""

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:  # noqa: ARG002 - the port's
        """Hand *records* on to the leads that they are for."""
        emissions: list[Emission] = []
        for record in records:
            try:
                request = cast("Request", read(REQUESTS, record.value))
            except Unreadable as error:
                emissions.append(unreadable(record, error))
            else:
                change = _change(request, place_of(record))
                emissions.append(emission(LEAD_CHANGES.name, record.key, change, record.offset))
        return Fold(Operations(), emissions)


def _change(request: Request, place: str) -> LeadTaskWanted | LeadTaskOver:
    """Return *request*, which stands at *place*, as a change of its lead: an event of ours with an id of its own."""
    kind = LeadTaskWanted if isinstance(request, TaskWanted) else LeadTaskOver
    kept = request.model_dump(exclude={"type", "id", "source"})
    return kind.model_validate({**kept, "id": f"q{place}", "source": SOURCE})
