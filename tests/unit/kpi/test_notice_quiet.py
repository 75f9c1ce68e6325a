"""Quiet hours on the clock of the wall, over nights, weekends and changes of the time."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from services.kpi.domain.notice_quiet import QuietHours, QuietSpan, quiet_until

WEEKEND = frozenset({5, 6})
TOKYO = QuietHours(
    zone="Asia/Tokyo",
    spans=(QuietSpan(starts=22 * 60, ends=7 * 60), QuietSpan(days=WEEKEND, starts=0, ends=1440)),
)
BERLIN = QuietHours(zone="Europe/Berlin", spans=(QuietSpan(starts=22 * 60, ends=7 * 60),))


def at(text: str, zone: str = "Asia/Tokyo") -> int:
    """Return local *text* as epoch ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-04T21:59", None),
        ("2026-11-04T22:00", "2026-11-05T07:00"),
        ("2026-11-05T03:00", "2026-11-05T07:00"),
        ("2026-11-05T07:00", None),
        ("2026-11-06T23:00", "2026-11-09T07:00"),  # Friday night, the weekend, and the night to Monday
        ("2026-11-08T12:00", "2026-11-09T07:00"),
    ],
)
def test_spans_that_touch_are_one_quiet(now: str, until: str | None) -> None:
    """The start is quiet, the end isn't."""
    assert quiet_until(at(now), TOKYO) == (None if until is None else at(until))


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_the_night_of_a_change_of_the_time_ends_by_the_clock_on_the_wall(day: str) -> None:
    """Seven is seven, whether the night had 8 hours or 10."""
    evening = at(f"{day}T00:30", "Europe/Berlin")

    assert quiet_until(evening, BERLIN) == at(f"{day}T07:00", "Europe/Berlin")


def test_without_quiet_hours_nothing_is_quiet() -> None:
    """Neither without rules nor without spans."""
    assert quiet_until(0, None) is None
    assert quiet_until(0, QuietHours(zone="UTC", spans=())) is None


def test_quiet_without_end_is_looked_at_again() -> None:
    """A week of quiet days is followed by another: the answer is an instant ahead, not a loop."""
    always = QuietHours(zone="UTC", spans=(QuietSpan(starts=0, ends=1440),))

    assert (quiet_until(0, always) or 0) > 7 * 86_400_000
