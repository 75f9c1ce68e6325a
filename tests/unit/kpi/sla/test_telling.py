"""What is told of a clock: each step once, in order, with what downtime or late facts make of it."""

from dataclasses import replace

from services.kpi.domain.sla.policy import Overdue
from services.kpi.domain.sla.telling import Mark, Reason, StepKey, next_at
from tests.unit.kpi.sla.worlds import DAY, MINUTE, RESPONSE, at, clock, tell

MQL = (0, "mql")
ALL = ["warning:0.5", "warning:0.75", "breach", "escalation:1", "escalation:2", "escalation:3"]


def test_each_step_is_told_once_at_its_time() -> None:
    """The next time that something comes due is when to ask again; after the last there is none."""
    found, marks, heard = clock(MQL), dict[StepKey, Mark](), list[tuple[str, int]]()
    while (when := next_at(found, marks)) is not None:
        names, marks, tells = tell(found, (when - at(0)) / MINUTE, marks)
        heard += [(name, when - at(0)) for name in names]
        assert [each.late_ms for each in tells] == [0] * len(tells)
        assert tell(found, (when - at(0)) / MINUTE, marks)[0] == []
    minutes = [60, 90, 120, 150, 180, 300]  # lunch begins at 180 and ends at 240
    assert heard == [(name, minute * MINUTE) for name, minute in zip(ALL, minutes, strict=True)]


def test_what_is_told_says_how_the_clock_stands() -> None:
    """With whom to tell, and whether the lead is to be given away."""
    found = clock(MQL)
    _, marks, _ = tell(found, 150)
    _, _, (told,) = tell(found, 181, marks)
    assert (told.step, told.round, told.times, told.due_at, told.late_ms) == (
        "escalation:2",
        1,
        1,
        at(180),
        MINUTE,
    )
    assert (told.started_at, told.deadline_at, told.budget_ms) == (at(0), at(120), 120 * MINUTE)
    assert (told.elapsed_ms, told.overdue_ms) == (180 * MINUTE, 60 * MINUTE)
    assert (told.notify, told.reassign) == (("owner",), True)


def test_after_downtime_the_breach_and_the_highest_step_are_told() -> None:
    """They say how late they are and for which others they stand."""
    names, marks, tells = tell(clock(MQL), 250)
    assert names == ["breach", "escalation:2"]
    assert [each.late_ms for each in tells] == [130 * MINUTE, 70 * MINUTE]
    assert [each.collapsed for each in tells] == [(), ("warning:0.5", "warning:0.75", "escalation:1")]
    assert tell(clock(MQL), 250, marks)[0] == []
    assert tell(clock(MQL), 95)[0] == ["warning:0.75"]


def test_after_downtime_every_step_is_told_where_that_is_configured() -> None:
    """In the order in which they came due."""
    assert tell(clock(MQL, policy=replace(RESPONSE, overdue=Overdue.EACH)), 9_999)[0] == ALL


def test_a_late_fulfilment_is_told_to_those_who_were_alarmed() -> None:
    """The ladder ends with it."""
    _, marks, _ = tell(clock(MQL), 150)
    names, marks, (told,) = tell(clock(MQL, (160, "first_response")), 161, marks)
    assert (names, told.due_at, told.stopped_at) == (["met-late"], at(160), at(160))
    assert told.notify == ("owner", "team-lead")
    assert next_at(clock(MQL, (160, "first_response")), marks) is None


def test_a_breach_and_its_late_end_that_were_missed_are_both_told() -> None:
    """Without warnings and ladder: there is nobody to hurry any more."""
    names, _, tells = tell(clock(MQL, (300, "first_response")), 600)
    assert names == ["breach", "met-late"]
    assert tells[1].collapsed == ("warning:0.5", "warning:0.75", "escalation:1", "escalation:2")


def test_a_fulfilment_in_time_that_arrives_late_retracts_the_breach() -> None:
    """Once, to those who were alarmed."""
    _, marks, _ = tell(clock(MQL), 150)
    answered = clock(MQL, (110, "activity:call"))
    names, marks, (told,) = tell(answered, 155, marks)
    assert (names, told.reason, told.stopped_at) == (["retracted"], Reason.MET_IN_TIME, at(110))
    assert told.notify == ("owner", "team-lead")
    assert tell(answered, 160, marks)[0] == []


def test_a_late_fulfilment_that_was_in_time_after_all_is_retracted_once() -> None:
    """The breach and the late end are one mistake."""
    _, marks, _ = tell(clock(MQL, (130, "first_response")), 140)
    assert tell(clock(MQL, (110, "first_response")), 141, marks)[0] == ["retracted"]


def test_a_breach_that_was_retracted_is_told_again_if_it_comes_to_that() -> None:
    """As the second one; a pause that became known late had only moved the deadline."""
    _, marks, _ = tell(clock(MQL), 121)
    moved = clock(MQL, (100, "stage:waiting"), (130, "stage:working"))
    names, marks, (told,) = tell(moved, 131, marks)
    assert (names, told.reason, told.deadline_at) == (["retracted"], Reason.MOVED, at(150))
    names, marks, (told,) = tell(moved, 150, marks)
    assert (names, told.times) == (["breach"], 2)
    _, _, (told,) = tell(clock(MQL, (90, "activity:call")), 151, marks)
    assert (told.step, told.times) == ("retracted", 2)


def test_a_late_end_that_is_taken_back_brings_the_breach_back() -> None:
    """Everybody had been told that it was over."""
    _, marks, _ = tell(clock(MQL, (130, "activity:call")), 135)
    names, _, (told,) = tell(clock(MQL), 140, marks)
    assert (names, told.times) == (["breach"], 2)


def test_a_breach_of_a_clock_that_never_started_is_retracted() -> None:
    """The start was taken back."""
    _, marks, _ = tell(clock(MQL), 121)
    _, marks, (told,) = tell(clock(), 122, marks)
    assert (told.step, told.reason) == ("retracted", Reason.GONE)
    _, _, (told,) = tell(clock(MQL, (100, "lost")), 122, tell(clock(MQL), 121)[1])
    assert told.reason is Reason.CANCELLED


def test_a_breach_before_the_cancellation_is_told_and_stands() -> None:
    """Nobody answered in time, whatever came later."""
    found = clock(MQL, (130, "lost"))
    assert tell(found, 140)[0] == ["breach"]
    assert tell(found, 140, tell(clock(MQL), 121)[1])[0] == []


def test_each_round_tells_its_own_steps() -> None:
    """A second breach of the same promise is news."""
    _, marks, _ = tell(clock(MQL), 121)
    again = clock(MQL, (130, "first_response"), (480, "returned"))
    names, marks, _ = tell(again, 481, marks)
    assert names == ["met-late"]
    assert next_at(again, marks) == at(480 + 60)
    _, _, tells = tell(again, 3 * DAY / MINUTE, marks)
    assert [(each.step, each.round) for each in tells] == [("breach", 2), ("escalation:3", 2)]


def test_a_warning_that_lies_in_the_future_again_is_told_again() -> None:
    """A pause that became known late had given the time back; nothing is retracted, for nothing was alleged."""
    _, marks, _ = tell(clock(MQL), 61)
    moved = clock(MQL, (10, "stage:waiting"), (50, "stage:working"))
    assert tell(moved, 62, marks)[0] == []
    assert tell(moved, 100, tell(moved, 62, marks)[1])[0] == ["warning:0.5"]


def test_a_pause_stops_the_ladder() -> None:
    """It goes on where it stopped."""
    held = [MQL, (130, "stage:waiting")]
    _, marks, _ = tell(clock(*held), 179)
    assert next_at(clock(*held), marks) is None
    assert next_at(clock(*held, (160, "stage:working")), marks) == at(180)
