"""What could not be processed: `tasuki.dead-letters.v1`."""

from base64 import b64encode
from typing import Literal

from schemas.envelope import Envelope, EpochMs, Open

MOST_BODY_BYTES = 600_000
"""A longer original doesn't fit into a letter, which the log takes up to 1 MiB of and which holds it as base64."""


def enclosed(original: bytes) -> str:
    """Return *original* as a letter's body; empty where it is too long. Then it is read again where it came from."""
    return b64encode(original).decode() if len(original) <= MOST_BODY_BYTES else ""


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
