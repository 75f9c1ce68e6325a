"""
Reads cases of deadlines and of clocks' states from JSON files, by their form, and works them out with the domain.

A case with `expected_deadline` has a calendar, a start, a duration and perhaps pauses. A case with a `timeline`
has targets in minutes, what happened when (``replied+paused``), an instant, and what is expected then. A word
that no policy names is a fact like any other: it does nothing.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from services.kpi.domain.sla.calendar import WEEKDAYS, BusinessCalendar, read_interval
from services.kpi.domain.sla.clocks import Clock, derive
from services.kpi.domain.sla.deadlines import WALL_CLOCK, Hours, Stretch, used_up
from services.kpi.domain.sla.facts import Era, Fact, Terms, Trait
from services.kpi.domain.sla.policy import Pause, Policy, Reopening, Target

Case: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("TASUKI_SHARED", ROOT.parent / "shared"))
CASES = Path(os.environ.get("TASUKI_CASES", SHARED / "cases"))
OWN = Path(__file__).parent / "sla_cases"

MINUTE_MS = 60_000
BASE = datetime(2026, 11, 16, 9, tzinfo=UTC)  # T0, and the day of a bare time: a Monday
STARTS = ("created", "started", "opened", "assigned", "qualified", "mql", "sql")
ANSWERS = ("first_response", "replied", "reply", "responded", "response", "agent*", "contacted", "called")
ENDS = ("resolved", "closed", "completed", "solved", "done", "fulfilled", "stopped", "converted")
PAUSES = ("paused", "pending", "on hold", "hold", "waiting")
RESUMES = ("resumed", "unpaused", "open")
CANCELS = r"no sla|cancel|disqualif|merged|deleted|withdrawn"


def cases() -> Iterator[Case]:
    """Yield all cases of the folder, then our own."""
    for folder in (CASES, OWN):
        for file in sorted(folder.glob("*.json")):
            found = json.loads(file.read_text(encoding="utf-8"))
            yield from (each for each in found if isinstance(each, dict))


def hours_of(case: Case) -> Hours:
    """Return the time that counts: the case's calendar, the wall clock without one."""
    given = case.get("calendar")
    if given is None or "wall" in str(case.get("mode", "")):
        return WALL_CLOCK
    week = (tuple(read_interval(*each) for each in given["hours"].get(day, [])) for day in WEEKDAYS)
    return BusinessCalendar(
        name=case["id"],
        zone=ZoneInfo(given["tz"]),
        week=tuple(week),
        holidays=frozenset(map(date.fromisoformat, given.get("holidays", ()))),
    )


def zone_of(case: Case) -> tzinfo:
    """Return the zone that a time without one is in."""
    return ZoneInfo(case["calendar"]["tz"]) if case.get("calendar") else UTC


def deadline_of(case: Case) -> int:
    """Return the deadline that the domain gives."""
    zone = zone_of(case)
    from_at, stretches = instant(case["start"], zone), list[Stretch]()
    for begins, ends in case.get("pauses", ()):
        stretches.append(Stretch(from_at, instant(begins, zone)))
        from_at = instant(ends, zone)
    stretches.append(Stretch(from_at, None))
    found = used_up(hours_of(case), tuple(stretches), round(case["duration_minutes"] * MINUTE_MS))
    assert found is not None
    return found


def instant(text: str, zone: tzinfo, last: int = 0) -> int:
    """Return the instant of ``2026-11-16T09:00+09:00``, ``T0+60min``, ``10:00`` or, a day after *last*, ``later``."""
    if match := re.fullmatch(r"T0(?:\s*\+\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)\w*)?", text):
        unit = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}[match[2] or "s"]
        return _ms(BASE + timedelta(seconds=float(match[1] or 0) * unit))
    if match := re.fullmatch(r"(\d\d):(\d\d)", text):
        return _ms(datetime(BASE.year, BASE.month, BASE.day, int(match[1]), int(match[2]), tzinfo=zone))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return last + 86_400_000
    return _ms(found if found.tzinfo else found.replace(tzinfo=zone))


def _ms(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@dataclass
class History:
    """What a timeline tells: facts, traits, and from when on a goal is another (in minutes)."""

    facts: list[Fact]
    traits: list[Trait]
    goals: list[tuple[int, int]]
    check_at: int


def history_of(case: Case) -> History:
    """Return what happened."""
    zone, found, last = zone_of(case), History([], [], [], 0), _ms(BASE)
    for text, phrase in case["timeline"]:
        last = instant(text, zone, last)
        for word in phrase.lower().split("+"):
            _read(word.strip(), last, set(case["targets_minutes"]), found)
    check = case["check_at"]
    found.check_at = last if check == "later" else instant(check, zone, last)
    return found


def _read(word: str, at: int, targets: set[str], found: History) -> None:
    if match := re.search(r"goal changed to (\d+)\s*(min|h)", word):
        found.goals.append((at, int(match[1]) * (60 if match[2] == "h" else 1)))
    elif re.search(CANCELS, word):
        found.facts.append(Fact(at, "cancelled"))
    else:
        named = [each for each in word.split() if each in targets and each != word]
        found.traits += [Trait(at, "goal", name) for name in named]
        name = " ".join(each for each in word.split() if each not in named)
        found.facts.append(Fact(at, "reopened" if "reopen" in name else name))


def clocks_of(case: Case, history: History) -> dict[str, Clock]:
    """Return a clock for each target; one for all where the timeline says which of them applies."""
    hours, targets = hours_of(case), case["targets_minutes"]
    if history.traits:
        by_goal = [Target(budget_ms=ms(m), calendar="c", when={"goal": (g,)}) for g, m in targets.items()]
        return {"goal": _clock("goal", tuple(by_goal), hours, history)}
    return {
        name: _clock(name, (Target(budget_ms=ms(minutes), calendar="c"),), hours, history)
        for name, minutes in targets.items()
    }


def ms(minutes: float) -> int:
    """Return *minutes* as ms."""
    return round(minutes * MINUTE_MS)


def _clock(name: str, targets: tuple[Target, ...], hours: Hours, history: History) -> Clock:
    eras = [Era(0, Terms(policy=_policy(name, targets), calendars={"c": hours}))]
    for at, minutes in history.goals:
        policy = _policy(name, (Target(budget_ms=ms(minutes), calendar="c"),))
        eras.append(Era(at, Terms(policy=policy, calendars={"c": hours})))
    return derive(1, history.facts, history.traits, eras)


def _policy(name: str, targets: tuple[Target, ...]) -> Policy:
    update = name.startswith(("update", "next"))  # the customer speaks, somebody answers, again and again
    starts = ("customer*",) if update else STARTS
    return Policy(
        name=name,
        starts=starts,
        stops=ANSWERS + ENDS if update or "response" in name else ENDS,
        targets=targets,
        cancels=("cancelled",),
        reopens=starts if update else ("reopened",),
        reopening=Reopening.RESTART if update else Reopening.RESUME,
        pauses=(Pause(begins=PAUSES, ends=RESUMES),),
    )
