"""Promises that contradict themselves are refused, with all that is wrong."""

from dataclasses import replace
from typing import Any

import pytest

from services.errors import Misconfigured
from services.kpi.domain.sla.facts import Terms
from services.kpi.domain.sla.policy import LONGEST_MS, Escalation, Pause, Target, Warn, names
from tests.unit.kpi.sla.worlds import OFFICE, RESPONSE


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"starts": ()}, "starts is empty"),
        ({"targets": ()}, "targets is empty"),
        ({"stops": ("mql",)}, "mql can't both start and end it"),
        ({"stops": ("lost",)}, "lost can't both fulfil and cancel it"),
        ({"pauses": (Pause(begins=("a",), ends=("a",)),)}, "a can't both begin and end a pause"),
        ({"pauses": (Pause(begins=("a",), ends=()),)}, "needs what begins and what ends it"),
        ({"targets": (Target(budget_ms=-1),)}, "a budget of -1 ms"),
        ({"targets": (Target(budget_ms=LONGEST_MS + 1),)}, "isn't between 0 and a year"),
        ({"warnings": (Warn(share=1.0),)}, "a warning at 1 of the budget"),
        ({"warnings": (Warn(share=0.5), Warn(share=0.5))}, "two warnings at one share"),
        ({"escalations": (Escalation(notify=("a",)),)}, "either so long after the deadline or at a share"),
        ({"escalations": (Escalation(notify=("a",), after_ms=1, share=2.0),)}, "either so long"),
        ({"escalations": (Escalation(notify=("a",), after_ms=-1),)}, "-1 ms after the deadline"),
        ({"escalations": (Escalation(notify=("a",), share=0.0),)}, "isn't above 0"),
        ({"escalations": (Escalation(notify=(), after_ms=1),)}, "tells nobody and changes nothing"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(change: dict[str, Any], wrong: str) -> None:
    """It says which name or figure it is."""
    with pytest.raises(Misconfigured, match=f"mql-response: .*{wrong}"):
        replace(RESPONSE, **change)


def test_a_calendar_that_is_not_there_is_named() -> None:
    """A promise in business time needs its calendar."""
    with pytest.raises(Misconfigured, match="there is no calendar office"):
        Terms(policy=RESPONSE)
    assert Terms(policy=RESPONSE, calendars={"office": OFFICE}).hours(RESPONSE.targets[1]) is OFFICE


def test_a_star_stands_for_all_that_begins_so() -> None:
    """Other names are whole."""
    assert names(("activity:*",), "activity:call")
    assert not names(("activity:",), "activity:call")
