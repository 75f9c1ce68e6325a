"""Which of two events about one lead was told later: what they say is set against each other by this, not by arrival."""

from datetime import datetime
from zlib import crc32

from schemas.envelope import Envelope

_OURS = 1 << 62
_NUMBERS = 16
_MOST = (1 << _NUMBERS) - 1


def told_order(event: Envelope) -> int:
    """
    Return a number, 0 to 2^63 - 1, that grows with each event that is told about one subject.

    An event caused by the change at an offset of the lead's partition has the id
    ``<partition>-<offset>-<letter><number>``: of two, the one with the greater offset, then number, was told
    later. An id of any other form is placed by the event's `time`, before all of those; two such events of one
    millisecond are placed by a hash of their ids.
    """
    parts = event.id.split("-")
    if len(parts) == 3 and parts[1].isdecimal() and parts[2][1:].isdecimal():  # noqa: PLR2004 -- the form above
        return _OURS | int(parts[1]) << _NUMBERS | min(int(parts[2][1:]), _MOST)
    return _time_of(event) << _NUMBERS | crc32(event.id.encode()) & _MOST


def _time_of(event: Envelope) -> int:
    """Return the event's `time` in epoch ms, 0 where it is none: it is told for people, nothing else depends on it."""
    try:
        return max(0, int(datetime.fromisoformat(event.time).timestamp() * 1000))
    except (ValueError, OverflowError):
        return 0
