"""The keys with which personal values are sealed: `tasuki.sealing-keys.v1`. A tombstone is a key that was destroyed."""

from typing import Literal

from pydantic import Field

from schemas.envelope import Envelope, Open


class Key(Open):
    """A key for the records that are keyed by `of`; `key` is 32 bytes, base64."""

    of: str
    key: str = Field(min_length=1)


class SealingKeyMade(Envelope):
    """From now on records keyed by `data.of` may be sealed with this key; `subject` is its id."""

    type: Literal["tasuki.sealing.key-made.v1"] = "tasuki.sealing.key-made.v1"
    data: Key
