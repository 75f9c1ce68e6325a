"""
Deadlines and states as other tools' tests, their docs and our own cases say they must be.

The folder is named by `TASUKI_CASES` (default: `../shared/cases` beside the repository); every JSON file of the
same form in it is run.
"""

import os
import re
from typing import Any

import pytest

from services.kpi.domain.sla.clocks import Clock, Round, State, derive
from services.kpi.domain.sla.facts import Era, Fact, Terms
from services.kpi.domain.sla.policy import Policy, Target
from tests.contracts.sla_case_reader import (
    CASES,
    MINUTE_MS,
    Case,
    History,
    cases,
    clocks_of,
    deadline_of,
    history_of,
    instant,
    zone_of,
)

ALL = [pytest.param(case, id=case["id"]) for case in cases()]
SAME_TARGET = {"close": ("solution", "resolution"), "solution": ("resolution",), "resolution": ("solution",)}
WORDS = {
    "failed": {"failed", "breached", "missed", "overdue", "late", "active_with_misses"},
    "paused": {"paused", "on_hold", "hold"},
    "running": {"running", "open", "active", "on_track", "at_risk", "due"},
    "met": {"fulfilled", "met", "hit", "achieved", "resolved", "completed", "stopped"},
    "cancelled": {"cancelled", "canceled", "removed"},
}
UNJUDGED = re.compile(r"(_gives|^note|^comment|^why)$")


def test_the_shared_cases_are_there() -> None:
    """On a machine of ours they may be absent; where everything must run, they must not."""
    if not CASES.is_dir() and os.environ.get("CI") != "true":
        pytest.skip(f"there are no shared SLA cases at {CASES}; name their folder in TASUKI_CASES")
    assert list(CASES.glob("*.json"))


@pytest.mark.parametrize("case", ALL)
def test_each_case_comes_out_as_expected(case: Case) -> None:
    """A deadline to the millisecond; of a state, everything that is expected of it."""
    if "expected_deadline" in case:
        expected = case["expected_deadline"]
        assert deadline_of(case) == instant(expected, zone_of(case)), case["note"]
    elif case["timeline"]:
        history = history_of(case)
        judge = Judge(case, history, clocks_of(case, history))
        judged = {key: judge.agrees(key, value) for key, value in case["expected"].items()}
        assert not [key for key, agrees in judged.items() if agrees is False], (case["note"], judge.clocks)
        if not any(judged.values()):
            pytest.skip(f"nothing in {sorted(judged)} is a question to a clock")
    else:
        judge_shares(case)


class Judge:
    """Compares what a case expects with the clocks at the instant of the case."""

    def __init__(self, case: Case, history: History, clocks: dict[str, Clock]) -> None:
        self.case, self.now, self.clocks = case, history.check_at, clocks
        self.zone = zone_of(case)
        self.rounds = {name: each for name, clock in clocks.items() if (each := clock.round) is not None}

    def agrees(self, key: str, value: Any) -> bool | None:
        """Return whether *value* is so; None if no clock can say."""
        if UNJUDGED.search(key):
            return None
        if key == "status":
            return self.has_status(str(value))
        if key in {"hit", "met", "missed", "breached", "failed", "paused", "cancelled"}:
            return (key in WORDS[self.label()]) is bool(value)
        if key == "all_deadlines":
            return value is None and not self.open_deadlines()
        if key in {"next_escalation", "next_deadline"}:
            return self.is_time(min(self.open_deadlines(), default=None), value)
        name, _, what = self.target_and_question(key)
        return self.answers(self.rounds.get(name) or self.rounds.get(self.main()), what, value)

    def target_and_question(self, key: str) -> tuple[str, str, str]:
        """Split ``first_response_late_minutes``; the main clock is meant where none is named."""
        if key.startswith("goal_used"):
            return self.main(), "_", key
        for name in sorted({*self.clocks, *SAME_TARGET}, key=len, reverse=True):
            if key.startswith(f"{name}_"):
                meant = next(
                    (each for each in (name, *SAME_TARGET.get(name, ())) if each in self.clocks), name
                )
                return meant, "_", key[len(name) + 1 :]
        return self.main(), "_", key

    def answers(self, each: Round | None, what: str, value: Any) -> bool | None:
        """Compare one figure of one clock."""
        if each is None:
            return value in (None, False)
        breached = each.breached_at is not None and each.breached_at <= self.now
        figures = {
            "breached": breached,
            "failed": breached,
            "met": each.stopped_at is not None and not breached,
            "minutes": each.elapsed_ms(self.now) / MINUTE_MS,
            "diff": (each.budget_ms - each.elapsed_ms(self.now)) / MINUTE_MS,
            "hold": each.paused_ms(self.now) / MINUTE_MS,
            "late": each.overdue_ms(self.now) / MINUTE_MS,
            "remaining": each.remaining_ms(self.now) / MINUTE_MS,
            "goal": each.budget_ms / MINUTE_MS,
        }
        if re.search(r"deadline|_by$|^due", what):
            return self.is_time(each.deadline_at, value)
        question = next((word for word in (*WORDS_OF_FIGURES, *figures) if word in what), None)
        if question is None:
            return None
        figure = figures[WORDS_OF_FIGURES.get(question, question)]
        return figure == (0 if value is None else value)

    def is_time(self, at: int | None, value: Any) -> bool:
        """Compare an instant, or that there is none."""
        return at is None if value is None else at == instant(str(value), self.zone)

    def main(self) -> str:
        """Return the clock that is meant where none is named: the last one promised."""
        return list(self.clocks)[-1]

    def open_deadlines(self) -> list[int]:
        """Return the deadlines of what runs."""
        running = (each for each in self.rounds.values() if each.ended_at is None)
        return [each.deadline_at for each in running if each.deadline_at is not None]

    def label(self) -> str:
        """Return the word for all clocks together: the worst of what they say."""
        states = {clock.state(self.now) for clock in self.clocks.values()} - {State.NOT_STARTED}
        if any(
            each.breached_at is not None and each.breached_at <= self.now for each in self.rounds.values()
        ):
            return "failed"
        if State.PAUSED in states:
            return "paused"
        if states & {State.RUNNING, State.AT_RISK}:
            return "running"
        return "met" if State.MET in states else "cancelled"

    def has_status(self, value: str) -> bool:
        """``first_response_due`` means that this clock runs; else the word for all."""
        text = value.lower().replace(" ", "_")
        if text.endswith("_due") and text[:-4] in self.clocks:
            return self.label() == "running" and self.rounds[text[:-4]].ended_at is None
        return text in WORDS[self.label()]


WORDS_OF_FIGURES = {
    "hold": "hold",
    "pause": "hold",
    "late": "late",
    "overdue": "late",
    "goal_used": "goal",
    "remaining": "remaining",
    "net": "minutes",
    "elapsed": "minutes",
}


def judge_shares(case: Case) -> None:
    """A share of the budget that is rounded to the whole is no breach: instants decide, never percentages."""
    shares = [float(found[1]) for key in case["expected"] if (found := re.search(r"([\d.]+) ?percent", key))]
    if not shares:
        pytest.skip("nothing happens in it")
    budget_ms = 1_000 * MINUTE_MS
    policy = Policy(name="p", starts=("go",), stops=("end",), targets=(Target(budget_ms=budget_ms),))
    clock = derive(1, [Fact(0, "go")], [], [Era(0, Terms(policy=policy))])
    for share in shares:
        assert (clock.state(round(budget_ms * share / 100)) is State.BREACHED) is (share >= 100)
