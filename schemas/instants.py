"""Instants as text: epoch milliseconds inside, RFC 3339 in the envelope of events."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=64)  # the events of one cause share their time
def rfc3339(instant: int) -> str:
    """Return epoch milliseconds as RFC 3339, UTC, with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=instant)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"


def epoch_ms(text: str) -> int:
    """Return RFC 3339 text as epoch milliseconds. Raises ValueError where it isn't that, or has no offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return (moment - _EPOCH) // timedelta(milliseconds=1)
