"""What the KPI service says of itself, printed for `tasuki status`."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from services.cli.status import Json, figure, print_head, print_table


def is_kpi(found: Json) -> bool:
    """Return whether *found* is the KPI service's."""
    return "promised_from" in found


def show_kpi(found: Json, console: Console, *, time_zone: str) -> None:
    """Print *found*; times are in *time_zone*."""
    print_head(found, console, "tasuki kpi")
    clocks: Json = found["clocks"] or {}
    since = found["promised_from"]
    print_table(
        console,
        ("promises since", "clocks that run", "overdue"),
        [
            (
                "unknown" if since is None else _day(since, ZoneInfo(time_zone)),
                figure(clocks.get("running")),
                figure(clocks.get("overdue")),
            )
        ],
    )
    print_table(
        console,
        ("sink", "alerts that wait", "last message"),
        [
            (name, figure(each["waiting"]), "failed" if each["failing"] else "-")
            for name, each in found["sinks"].items()
        ],
    )
    console.print(Text(f"{figure(found['feed_clients'])} listen to the feed\n"))


def _day(instant: int, zone: ZoneInfo) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant)
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
