"""
Shows the promises of a configuration by an example, since "24h" on a calendar of eight-hour days are three days.

The example is a lead that comes in late on the coming Friday, when calendars differ the most from the wall clock.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.configuration.quantities import duration_text
from services.kpi.domain.sla.deadlines import WALL_CLOCK
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.settings import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_FRIDAY = 4
_LATE_HOUR = 17


def show_promises(settings: Settings, console: Console, now: int) -> None:
    """Print what is promised, when it would be due, and where alerts go."""
    zone = ZoneInfo(settings.firm.time_zone)
    start = example_start(now, zone)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("promise", "for", "within", f"due, if started {_shown(start)}"):
        table.add_column(heading, overflow="fold")
    for policy, target in _targets(settings.policies):
        hours = WALL_CLOCK if target.calendar is None else settings.calendars[target.calendar]
        due = _EPOCH + hours.after((start - _EPOCH) // _MS, target.budget_ms) * _MS
        counted = "" if target.calendar is None else f" on {target.calendar}"
        table.add_row(
            Text(policy.name),
            Text(_whom(target)),
            Text(f"{duration_text(target.budget_ms)}{counted}"),
            Text(_shown(due.astimezone(zone))),
        )
    if settings.policies:
        console.print(table)
    console.print(Text(_told(settings)))


def example_start(now: int, zone: ZoneInfo) -> datetime:
    """Return 17:00 of the first Friday after *now*, epoch ms, on the wall clock of *zone*."""
    today = (_EPOCH + now * _MS).astimezone(zone).replace(hour=_LATE_HOUR, minute=0, second=0, microsecond=0)
    return today + timedelta(days=(_FRIDAY - today.weekday() - 1) % 7 + 1)


def _targets(policies: tuple[Policy, ...]) -> Iterator[tuple[Policy, Target]]:
    for policy in policies:
        for target in policy.targets:
            yield policy, target


def _whom(target: Target) -> str:
    traits = (f"{name} {' or '.join(map(str, values))}" for name, values in target.when.items())
    return ", ".join(traits) or "all"


def _shown(at: datetime) -> str:
    return at.strftime("%a %Y-%m-%d %H:%M")


def _told(settings: Settings) -> str:
    if not settings.policies:
        return "nothing is promised: sla = []"
    if not settings.sinks:
        return "alerts are kept, and nobody is told: there are no [[sinks]]"
    return f"alerts go to: {', '.join(each.name for each in settings.sinks)}"
