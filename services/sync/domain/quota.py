"""What a vendor's limits leave for whom: which work may use the reserve, what is known, and what holds work back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import floor
from zoneinfo import ZoneInfo

from services.sync.domain.priority import Priority

LOOK_MS = 600_000
"""A day's figure is good for so long; then one call may ask the vendor anew, whatever we believe is left."""

DAY_MS = 86_400_000
LEAST_URGENT_WITH_RESERVE = Priority.HANDOFF


class LimitKind(StrEnum):
    """How a limit counts."""

    WINDOW = "window"  # so many calls in a sliding span
    DAILY = "daily"  # so many calls a day; the vendor tells what is left
    CONCURRENT = "concurrent"  # so many calls under way


@dataclass(frozen=True, slots=True)
class Limit:
    """
    One limit of a vendor, shared by all that call it with our credentials, and often by other apps.

    `most` is assumed until the vendor tells its own figure; None for a limit that is only what the vendor tells.
    `at_midnight`: a day's limit is whole again at midnight; otherwise its day slides.
    """

    name: str
    words: str
    kind: LimitKind
    most: int | None = None
    span_ms: int = DAY_MS
    at_midnight: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How a limit stands, as all processes see it; instants are epoch ms by the store's clock.

    `left` None: unknown, which is neither full nor empty. `ours`: our own calls that count at present, None
    where nobody counts them. `told_at`: when the vendor told something last. `asked_at`: when it was asked last.
    """

    limit: Limit
    most: int | None = None
    left: int | None = None
    ours: int | None = None
    told_at: int | None = None
    asked_at: int | None = None
    closed_until: int | None = None


class Hold(StrEnum):
    """Why work waits for a limit."""

    USED = "used up"
    KEPT = "down to its reserve for new MQLs"
    CLOSED = "closed by the vendor"
    TURN = "wanted by more urgent work"


@dataclass(frozen=True, slots=True)
class Held:
    """Which limit holds work back, why, and until when (epoch ms) there is no use in trying."""

    limit: Limit
    hold: Hold
    until: int


def is_urgent(priority: Priority) -> bool:
    """Return whether work of *priority* may use the reserve: an opt-out, a new MQL, a handoff."""
    return priority <= LEAST_URGENT_WITH_RESERVE


def reserve_for(priority: Priority, rate: float) -> float:
    """Return the share of each limit that work of *priority* must leave, 0 to 0.9."""
    return 0.0 if is_urgent(priority) else rate


def kept(most: int, reserve: float) -> int:
    """Return how many calls of *most* the *reserve* is; as the script in the store works it out."""
    return floor(most * reserve)


def passes_reckoning(priority: Priority) -> bool:
    """Return whether a day's reckoning never holds work of *priority* back: an opt-out goes past quotas."""
    return priority is Priority.CONSENT


def holding(standings: Sequence[Standing], priority: Priority, rate: float, now: int) -> Held | None:
    """
    Return what holds work of *priority* back at *now* for the longest, None if it may try.

    Nothing that is unknown holds anybody back.
    """
    found = [held for each in standings if (held := _held(each, priority, rate, now)) is not None]
    return max(found, key=lambda each: each.until, default=None)


def _held(standing: Standing, priority: Priority, rate: float, now: int) -> Held | None:
    limit = standing.limit
    if standing.closed_until is not None and standing.closed_until > now:
        return Held(limit, Hold.CLOSED, standing.closed_until)
    if limit.kind is not LimitKind.DAILY or standing.left is None or passes_reckoning(priority):
        return None  # the others pass within seconds: the calls themselves wait for them
    look_at = (standing.asked_at or 0) + LOOK_MS
    if standing.left > kept(standing.most or 0, reserve_for(priority, rate)) or look_at <= now:
        return None
    return Held(limit, Hold.KEPT if standing.left > 0 else Hold.USED, look_at)


def expected_at(held: Held, now: int, time_zone: str) -> int:
    """Return when the limit should be free again, epoch ms: a day's may be whole only at the firm's midnight."""
    if not (held.limit.at_midnight and held.limit.kind is LimitKind.DAILY):
        return held.until
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=now)
    local = moment.astimezone(ZoneInfo(time_zone))
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp() * 1000)


def reason(system: str, held: Held, now: int, time_zone: str) -> str:
    """Return *held* for people: ``quota: daily limit of hubspot used up, until 00:00``."""
    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=expected_at(held, now, time_zone))
    shown = at.astimezone(ZoneInfo(time_zone))
    form = "%H:%M" if held.limit.kind is LimitKind.DAILY else "%H:%M:%S"
    return f"quota: {held.limit.words} of {system} {held.hold}, until {shown.strftime(form)}"
