"""Calendar days of a time zone, as numbers (days since 1970-01-01), and the instants with which they begin."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000
_QUARTER_MS = 900_000
"""Time zones change their offset at whole quarters of an hour."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1).toordinal()


def day_of(instant: int, zone: str) -> int:
    """Return the number of the day of *zone* in which *instant*, epoch ms, lies."""
    return (instant + _offset(instant // _QUARTER_MS, zone)) // DAY_MS


def beginning(day: int, zone: str) -> int:
    """Return the first instant of a day of *zone*, epoch ms."""
    return _beginning(day, zone)


def iso(day: int) -> str:
    """Return a day as ``2026-12-01``."""
    return date.fromordinal(_FIRST_DAY + day).isoformat()


@lru_cache(maxsize=65_536)
def _offset(quarter: int, zone: str) -> int:
    local = (_EPOCH + timedelta(milliseconds=quarter * _QUARTER_MS)).astimezone(ZoneInfo(zone))
    return (local.utcoffset() or timedelta()) // timedelta(milliseconds=1)


@lru_cache(maxsize=16_384)
def _beginning(day: int, zone: str) -> int:
    local = datetime.fromordinal(_FIRST_DAY + day).replace(tzinfo=ZoneInfo(zone))
    return (local.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
