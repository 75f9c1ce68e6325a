"""A firm's promises for the tests: hours, policies, and facts at minutes from a Monday, 09:00 in Tokyo."""

from datetime import date
from zoneinfo import ZoneInfo

from services.kpi.domain.sla.calendar import BusinessCalendar, read_interval
from services.kpi.domain.sla.clocks import Clock, derive
from services.kpi.domain.sla.facts import Era, Fact, Terms, Trait
from services.kpi.domain.sla.policy import Escalation, Pause, Policy, Reopening, Target, Warn
from services.kpi.domain.sla.telling import Mark, StepKey, Tell, due

MONDAY = 1_794_787_200_000
"""Monday, 16 November 2026, 09:00 in Tokyo."""
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

WORKDAY = (read_interval("09:00", "12:00"), read_interval("13:00", "18:00"))
OFFICE = BusinessCalendar(
    name="office",
    zone=ZoneInfo("Asia/Tokyo"),
    week=(WORKDAY,) * 5 + ((), ()),
    holidays=frozenset({date(2026, 11, 23)}),
)

RESPONSE = Policy(
    name="mql-response",
    starts=("mql",),
    stops=("first_response", "activity:*"),
    targets=(
        Target(budget_ms=30 * MINUTE, when={"temperature": ("hot",)}),
        Target(budget_ms=2 * HOUR, calendar="office"),
    ),
    cancels=("recycled", "lost"),
    resets=("owner-changed",),
    reopens=("returned",),
    pauses=(
        Pause(begins=("stage:waiting",), ends=("stage:working",)),
        Pause(begins=("stage:legal",), ends=("stage:cleared",)),
    ),
    warnings=(Warn(share=0.5), Warn(share=0.75)),
    escalations=(
        Escalation(after_ms=30 * MINUTE, notify=("team-lead",)),
        Escalation(after_ms=60 * MINUTE, notify=("owner",), reassign=True),
        Escalation(share=2.0, notify=("department",)),
    ),
)
RESUMING = {"reopening": Reopening.RESUME}


def eras(policy: Policy = RESPONSE, calendar: BusinessCalendar = OFFICE) -> list[Era]:
    """Return *policy* as it has always been."""
    return [Era(0, Terms(policy=policy, calendars={"office": calendar}))]


def at(minutes: float) -> int:
    """Return the instant so many minutes after Monday, 09:00."""
    return MONDAY + round(minutes * MINUTE)


def facts(*told: tuple[float, str]) -> list[Fact]:
    """Return facts of the first cycle at minutes; activities and stages only have a time."""
    return [Fact(at(when), name, 0 if ":" in name and "offered" not in name else 1) for when, name in told]


def clock(*told: tuple[float, str], traits: tuple[Trait, ...] = (), policy: Policy = RESPONSE) -> Clock:
    """Return the clock of the first cycle."""
    return derive(1, facts(*told), traits, eras(policy))


def tell(
    found: Clock, minutes: float, marks: dict[StepKey, Mark] | None = None
) -> tuple[list[str], dict[StepKey, Mark], list[Tell]]:
    """Return the names of the steps told at so many minutes, the marks, and what was told."""
    tells, kept = due(found, marks or {}, at(minutes))
    return [each.step for each in tells], kept, list(tells)
