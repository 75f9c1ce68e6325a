"""Which of two events about one lead was told later: what they say is set against each other by this, not by arrival."""

from datetime import UTC, datetime
from zlib import crc32

from schemas.envelope import Envelope

_OURS = 1 << 62
_NUMBERS = 16
_MOST = (1 << _NUMBERS) - 1
_LONGEST_OFFSET = 13  # digits: below 2^46
_LONGEST_NUMBER = 9


def told_order(event: Envelope) -> int:
    """
    Return a number, 0 to 2^63 - 1, that grows with each event that is told about one subject.

    An event caused by the change at an offset of the lead's partition has the id
    ``<partition>-<offset>-<letter><number>``: of two, the one with the greater offset, then number, was told
    later. An id of any other form is placed by the event's `time`, before all of those; two such events of one
    millisecond are placed by a hash of their ids. A `time` that is none is the earliest.
    """
    parts = event.id.split("-")
    if len(parts) == 3:  # noqa: PLR2004 -- the form above
        offset, number = parts[1], parts[2][1:]
        if _is_number(offset, _LONGEST_OFFSET) and _is_number(number, _LONGEST_NUMBER):
            return _OURS | int(offset) << _NUMBERS | min(int(number), _MOST)
    at = min(max(0, time_of(event) or 0), (_OURS >> _NUMBERS) - 1)
    return at << _NUMBERS | crc32(event.id.encode()) & _MOST


def time_of(event: Envelope) -> int | None:
    """Return the event's `time` in epoch ms, None where it is none; one without a zone is UTC."""
    try:
        told = datetime.fromisoformat(event.time)
        return int((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _is_number(text: str, longest: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= longest
