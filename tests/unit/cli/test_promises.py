"""The promises as `tasuki check` shows them."""

from datetime import datetime
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from services.cli.promises import example_start, show_promises
from tests.unit.kpi.settings.kpi_firm import FIRM, SMALLEST, settings_of

JAPAN = ZoneInfo("Asia/Tokyo")


def at(text: str) -> int:
    """Return the instant that *text* says in Japan's time, epoch ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=JAPAN).timestamp() * 1000)


def shown(text: str, environ: dict[str, str] | None = None) -> list[str]:
    """Return the lines that are printed for *text* on 2026-11-16, a Monday."""
    out = StringIO()
    show_promises(settings_of(text, environ), Console(file=out, width=140), at("2026-11-16T12:00"))
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def test_each_promise_is_shown_with_when_it_would_be_due() -> None:
    """By the wall clock and by the calendar, whose Friday ends at noon, with two holidays behind the weekend."""
    assert shown(FIRM) == [
        "promise for within due, if started Fri 2026-11-20 17:00",
        "response temperature hot or warm, vip true 30m Fri 2026-11-20 17:30",
        "response all 8h on office Wed 2026-11-25 18:00",
        "meeting all 2d Sun 2026-11-22 17:00",
        "alerts go to: chat, mail, own-system, tasks",
    ]


def test_who_is_told_is_said_too() -> None:
    """Without sinks alerts are kept; without promises there are none."""
    assert shown(SMALLEST, {})[-1] == "alerts are kept, and nobody is told: there are no [[sinks]]"
    assert shown(f"sla = []\n{SMALLEST}", {}) == ["nothing is promised: sla = []"]


@pytest.mark.parametrize(
    ("now", "friday"),
    [
        ("2026-11-16T12:00", "2026-11-20"),
        ("2026-11-20T00:00", "2026-11-27"),
        ("2026-11-21T23:59", "2026-11-27"),
    ],
)
def test_the_example_is_the_next_friday(now: str, friday: str) -> None:
    """Never today."""
    assert example_start(at(now), JAPAN).isoformat() == f"{friday}T17:00:00+09:00"
