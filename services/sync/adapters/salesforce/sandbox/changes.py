"""One change as the event bus tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    One change of one record, or the same change of several.

    `values` holds stored values: all that are set for CREATE and UNDELETE, the changed ones for UPDATE (None
    where cleared). `type` is the vendor's changeType.
    """

    object: str
    ids: tuple[str, ...]
    type: str
    values: Mapping[str, Any]
    at: int
    user: str
    origin: str
    transaction: str
    sequence: int = 0
