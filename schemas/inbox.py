"""What came in, as received: `tasuki.inbox.v1`."""

from typing import Literal

from pydantic import Field

from schemas.envelope import Envelope, EpochMs, Open


class Received(Open):
    """
    One notification of a vendor. `body` is the vendor's own JSON text, so that it can be replayed.

    `object` and `record_id` are the vendor's words; `record_id` "*" asks for the whole object to be read.
    """

    system: str = Field(min_length=1)
    object: str = Field(min_length=1)
    record_id: str = Field(min_length=1)
    body: str
    received_at: EpochMs
    occurred_at: EpochMs | None = None


class InboxReceived(Envelope):
    """A vendor told us, or we asked and were told, that a record may have changed."""

    type: Literal["tasuki.inbox.received.v1"] = "tasuki.inbox.received.v1"
    data: Received
