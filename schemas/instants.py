"""Instants as text: epoch milliseconds inside, RFC 3339 in the envelope of events."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=64)  # the events of one cause share their time
def rfc3339(instant: int) -> str:
    """Return epoch milliseconds as RFC 3339, UTC, with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"
