"""Events as facts: what each tells, in which order, and what can't be true."""

from typing import Any, Literal

import pytest

from schemas.envelope import Envelope, Open
from schemas.order import told_order
from services.kpi.application.told import AHEAD_MS, EARLIEST_AT, Implausible, fact_of
from services.kpi.domain.facts import NOT, ActivityTold, CycleTold, MilestoneTold, Standing
from services.kpi.domain.lead import KpiLead, take
from tests.firm import START, Story, change, observed
from tests.kpi_facts import Teller


def envelope(event_id: str, time: str = "2026-09-22T00:00:00.000Z") -> Envelope:
    """Return an event with an id and a time."""
    return Envelope(id=event_id, source="/x", subject="a", time=time)


def test_what_sync_tells_later_has_a_greater_order() -> None:
    """By the offset of the cause, then by number; not by text, partition or time."""
    ids = ["3-9-f0", "3-9-f2", "3-9-f10", "3-10-f0", "3-100000000-f1"]
    orders = [told_order(envelope(each)) for each in ids]
    assert orders == sorted(set(orders))
    assert told_order(envelope("7-10-f0", "2020-01-01T00:00:00.000Z")) == told_order(envelope("3-10-f0"))
    assert max(orders) < 2**63


def test_what_others_tell_is_placed_by_its_time_before_all_that_sync_tells() -> None:
    """Any id and any time have a place; two events of one instant keep an order."""
    early, late = envelope("x", "2026-09-22T00:00:00.001Z"), envelope("x", "2026-09-22T00:00:00.002+09:00")
    assert told_order(late) < told_order(early) < told_order(envelope("0-0-f0"))
    assert told_order(envelope("x")) != told_order(envelope("y"))
    assert 0 <= told_order(envelope("x", "the day before yesterday")) < told_order(early)


def test_the_events_of_one_change_are_in_order() -> None:
    """What sync really tells of a lead has the ids that the order is read from."""
    story = Story()
    story.take(
        observed("ma", [change("forms", 3, START), change("job_title", "部長", START)], created_at=START)
    )
    facts = [each for each in story.facts if "milestone" in each.type]
    orders = [told_order(each) for each in facts]
    assert len(orders) > 1
    assert orders == sorted(set(orders))
    assert min(orders) >= 1 << 62


@pytest.mark.parametrize("at", [EARLIEST_AT - 1, 0, -1, START + AHEAD_MS + 1])
def test_an_impossible_time_is_refused(at: int) -> None:
    """Before 2000, or more than a year after it was told: in each kind of fact."""
    teller = Teller()
    for event in (
        teller.reached("a", "mql", at),
        teller.did("a", "x:1", at),
        teller.tell("handoff-offered", "a", cycle=1, handoff="mql", qualified_at=START, offered_at=at),
        teller.tell("handoff-offered", "a", cycle=1, handoff="mql", qualified_at=at, offered_at=START),
    ):
        with pytest.raises(Implausible) as caught:
            fact_of(event, "a", START)
        assert caught.value.reason == "impossible-time"


def test_the_edges_of_time_are_taken() -> None:
    """The year 2000, and a meeting that is set for a year from now."""
    teller = Teller()
    for at in (EARLIEST_AT, START + AHEAD_MS):
        fact = fact_of(teller.reached("a", "mql", at), "a", START)
        assert isinstance(fact, MilestoneTold)
        assert fact.at == at


def test_money_below_0_and_anothers_key_are_refused() -> None:
    """A deal isn't worth less than nothing, and a fact stands under its own lead."""
    teller = Teller()
    with pytest.raises(Implausible, match="below 0"):
        fact_of(teller.reached("a", "won", START, amount=-1, currency="JPY"), "a", START)
    for key in ("", "b"):
        with pytest.raises(Implausible, match="subject"):
            fact_of(teller.reached("a", "won", START), key, START)


def test_scores_and_erasures_are_not_counted_and_cycles_only_by_clocks() -> None:
    """They tell nothing that any counter holds."""
    teller = Teller()
    score = teller.tell("score-changed", "a", score=1, previous=0, reasons={}, changed_at=START)
    assert fact_of(score, "a", START) is None
    assert fact_of(teller.tell("lead-erased", "a", erased_at=START), "a", START) is None
    found = fact_of(teller.tell("cycle-started", "a", cycle=2, started_at=START), "a", START)
    assert isinstance(found, CycleTold)
    assert (found.cycle, found.started_at) == (2, START)


class _Undone(Open):
    key: str
    previous_at: int
    standing: Any


class _ActivityRetracted(Envelope):
    type: Literal["tasuki.lifecycle.activity-retracted.v1"] = "tasuki.lifecycle.activity-retracted.v1"
    data: _Undone


def test_a_retracted_activity_no_longer_stands() -> None:
    """It is taken back by whoever told it, whenever that arrives; told anew it counts again."""
    teller = Teller()
    done = teller.did("a", "x:1", START)
    undone = _ActivityRetracted(
        **envelope("0-1-f0").model_dump(exclude={"type"}),
        data=_Undone(key="x:1", previous_at=START, standing=done.data.standing),  # pyright: ignore[reportAttributeAccessIssue]
    )
    for order in ([done, undone], [undone, done]):
        lead = KpiLead("a")
        for event in order:
            fact = fact_of(event, "a", START)
            assert isinstance(fact, ActivityTold)
            take(lead, fact)
        assert lead.deeds["x:1"].at == NOT


def test_who_a_lead_is_comes_from_what_was_told_last() -> None:
    """Segments are told as text, sorted by name; what arrives late doesn't bring back who it was."""
    teller = Teller()
    first = fact_of(
        teller.reached("a", "lead", START, segments={"vip": True, "size": 50, "campaign": None}), "a", START
    )
    last = fact_of(teller.reached("a", "mql", START, holder="x@f", origin="bdr"), "a", START)
    assert isinstance(last, MilestoneTold)
    assert isinstance(first, MilestoneTold)
    lead = KpiLead("a")
    take(lead, last)
    take(lead, first)
    assert lead.standing == Standing("bdr", "x@f", ())
    assert first.standing.segments == (("campaign", ""), ("size", "50"), ("vip", "true"))
