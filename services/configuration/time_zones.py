"""The time zones that this machine knows, read once."""

from functools import cache
from zoneinfo import available_timezones


@cache
def known_time_zones() -> frozenset[str]:
    """Return the tz database's names, without the entries that no configuration should name."""
    return frozenset(name for name in available_timezones() if not name.startswith(("posix/", "right/")))
