"""How a firm counts, as data: what the configuration says."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from zlib import crc32

HOUR_MS = 3_600_000
DAY_MS = 86_400_000
SCHEME = 1
"""Of the counters themselves; a change of what is counted, or how it is named, raises it."""

ROLE, OWNER, TEAM = "role", "owner", "team"


class Sign(IntEnum):
    """How far a call or a mail came; each includes those before it."""

    NONE = 0
    CONNECTED = 1  # 通電: somebody answered, or the mail was answered
    CONTACT = 2  # 通話: the person was reached
    EFFECTIVE = 3  # 有効会話: the hearing was completed


OUTCOMES: Mapping[str, Sign] = MappingProxyType(
    {
        "left-live-message": Sign.CONNECTED,
        "通電": Sign.CONNECTED,
        "replied": Sign.CONNECTED,
        "返信": Sign.CONNECTED,
        "connected": Sign.CONTACT,
        "contact": Sign.CONTACT,
        "reached": Sign.CONTACT,
        "通話": Sign.CONTACT,
        "effective": Sign.EFFECTIVE,
        "effective conversation": Sign.EFFECTIVE,
        "有効会話": Sign.EFFECTIVE,
        "ヒアリング完了": Sign.EFFECTIVE,
    }
)
"""What outcomes mean unless the firm says otherwise; the rest mean that nobody was reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingRules:
    """
    How a firm counts.

    Args:
        time_zone: Of its days; an IANA name.
        dimensions: What counters are cut by, each by itself: ``role``, ``owner``, ``team``, or the name of a
            segment of the lead. Each multiplies the counters by its values, so it wants few.
        teams: Owner to team.
        horizons_days: Cohort readings tell how many converted within so many days.
        outcomes: What an activity's outcome means, see `plain`.
        customer: The segment that tells new from existing customers, and its values that mean existing.
        keep_minutes_ms, keep_hours_ms: How long buckets of a minute and of an hour are kept; days are kept for ever.
        first_weekday: 0 is Monday.
        fiscal_month: In which the firm's year begins, 1 to 12.

    `generation` is 8 hex digits that differ when leads would count differently. Counters carry it in their names:
    those of other rules are other counters. It is worked out once, for each batch asks for it.

    Raises:
        ValueError: A dimension's name or a number doesn't do.
    """

    time_zone: str = "Asia/Tokyo"
    dimensions: tuple[str, ...] = (ROLE, OWNER, TEAM, "source")
    teams: Mapping[str, str] = field(default_factory=dict[str, str])
    horizons_days: tuple[int, ...] = (30, 90)
    outcomes: Mapping[str, Sign] = field(default_factory=lambda: OUTCOMES)
    customer: str = "customer"
    existing: frozenset[str] = frozenset({"existing", "既存"})
    keep_minutes_ms: int = 2 * DAY_MS
    keep_hours_ms: int = 92 * DAY_MS
    first_weekday: int = 0
    fiscal_month: int = 4
    generation: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if len(set(self.dimensions)) != len(self.dimensions):
            raise ValueError("a dimension is named twice")
        for name in self.dimensions:
            if not name or set(name) & set(":=/~"):
                raise ValueError(f"{name!r} can't be the name of a dimension: it has one of : = / ~")
        if any(days < 1 for days in self.horizons_days):
            raise ValueError("a horizon is 1 day or more")
        if not 1 <= self.fiscal_month <= 12 or not 0 <= self.first_weekday <= 6:  # noqa: PLR2004 -- the calendar
            raise ValueError("fiscal_month is 1 to 12, first_weekday is 0 to 6")
        object.__setattr__(self, "generation", self._generation())

    def _generation(self) -> str:
        said = (
            *(SCHEME, self.time_zone, self.dimensions, sorted(self.teams.items()), self.horizons_days),
            *(sorted(self.outcomes.items()), self.customer, sorted(self.existing)),
        )
        return f"{crc32(repr(said).encode()):08x}"


def plain(outcome: str) -> str:
    """Return *outcome* as the rules name it: no blanks around it, small letters, the usual width."""
    return unicodedata.normalize("NFKC", outcome).strip().casefold()
