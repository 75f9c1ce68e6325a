"""What could not be processed: `tasuki.dead-letters.v1`."""

from typing import Literal

from schemas.envelope import Envelope, EpochMs, Open


class DeadLetter(Open):
    """
    The bytes, where they came from, why they stopped, how often they were tried.

    `body` is the original as base64. `origin` is a topic with partition and offset, or a vendor's system.
    `reason` is a short stable word for filtering, `detail` is for a person, with the vendor's own text.
    """

    reason: str
    detail: str
    origin: str
    key: str
    body: str
    attempts: int
    failed_at: EpochMs


class DeadLettered(Envelope):
    """Something was set aside, to be mended and replayed."""

    type: Literal["tasuki.dead-letter.set-aside.v1"] = "tasuki.dead-letter.set-aside.v1"
    data: DeadLetter
