"""What a sink sends, holds back and drops, at which time."""

from dataclasses import replace

import pytest

from services.kpi.domain.notice_queue import Delivered, Failed, Refused
from services.kpi.domain.notice_quiet import QuietHours, QuietSpan
from services.kpi.domain.notice_rules import SinkRule
from services.kpi.domain.notices import Live, Outcome, Severity
from tests.notice_desk import HOUR, MINUTE, START, Desk, Sent, notice

CHAT = SinkRule(name="chat", window_ms=30_000, limit=3, period_ms=HOUR)
NIGHT = QuietHours(zone="Asia/Tokyo", spans=(QuietSpan(starts=22 * 60, ends=7 * 60),))
TEN_PM = START + 8 * HOUR - 3 * MINUTE - 10_000  # 22:00 in Tokyo


def sent(desk: Desk) -> Sent:
    """Let the message that is due go out, which there must be."""
    found = desk.send()
    assert found is not None
    return found


def test_alerts_within_the_window_become_one_message() -> None:
    """The first one waits for others, and nothing leaves before."""
    desk = Desk(CHAT)
    for lead in range(12):
        desk.tell(notice("breached", f"lead-{lead}", at=desk.now))
        desk.now += 1_000

    assert desk.send() is None
    assert desk.next_at() == START + 30_000
    desk.now = START + 30_000
    assert len(sent(desk).notices) == 12
    assert desk.next_at() is None


def test_a_channel_gets_no_more_messages_than_its_limit_and_then_one_with_all() -> None:
    """A Monday morning isn't 300 messages."""
    desk = Desk(CHAT)
    times: list[int] = []
    sizes: list[int] = []
    for minute in range(120):
        desk.now = START + minute * MINUTE
        for lead in range(3):
            desk.tell(notice("breached", f"lead-{minute}-{lead}", at=desk.now))
        desk.now += 30_000
        if (found := desk.send()) is not None:
            times.append(found.at)
            sizes.append(len(found.notices))

    assert len(times) == 6
    assert all(later - earlier >= HOUR for earlier, later in zip(times, times[3:], strict=False))
    assert sizes[3] > 3 * 50


def test_a_limit_is_for_a_channel_not_for_the_sink() -> None:
    """One person's flood doesn't keep another's message back."""
    desk = Desk(CHAT)
    for lead in range(3):
        desk.tell(notice("breached", f"flood-{lead}"), "a@example.co.jp")
        desk.now += 30_000
        assert sent(desk).target == "a@example.co.jp"
    desk.tell(notice("breached", "flood-4"), "a@example.co.jp")
    desk.tell(notice("breached", "calm"), "b@example.co.jp")
    desk.now += 30_000

    assert sent(desk).target == "b@example.co.jp"
    assert desk.send() is None


def test_quiet_hours_hold_alerts_back_and_tell_them_as_one_message_after() -> None:
    """At their end, not before, whatever the window says."""
    desk = Desk(SinkRule(name="chat", quiet=NIGHT), now=TEN_PM)
    for lead in range(5):
        desk.tell(notice("breached", f"lead-{lead}", at=desk.now))
        desk.now += HOUR
        assert desk.send() is None

    assert desk.next_at() == TEN_PM + 9 * HOUR
    desk.now = TEN_PM + 9 * HOUR
    assert len(sent(desk).notices) == 5


def test_what_is_severe_enough_passes_quiet_hours_alone() -> None:
    """The rest still waits for the morning."""
    quiet = QuietHours(zone="Asia/Tokyo", spans=NIGHT.spans, passes=Severity.ESCALATION)
    desk = Desk(SinkRule(name="chat", quiet=quiet), now=TEN_PM)
    desk.tell(notice("breached", "calm"))
    desk.tell(notice("escalated", "urgent"))
    desk.now += 30_000

    assert sent(desk).leads == ["urgent"]
    assert desk.send() is None
    assert desk.next_at() == TEN_PM + 9 * HOUR


def test_a_message_that_was_due_before_the_quiet_and_failed_waits_for_its_end() -> None:
    """A sink that was down at 21:59 isn't tried at 22:01."""
    desk = Desk(SinkRule(name="chat", quiet=NIGHT), now=TEN_PM - MINUTE)
    desk.tell(notice("breached"))
    desk.now += 30_000
    assert desk.send(Failed(doubt=True)) is not None
    desk.now += MINUTE

    assert desk.send() is None
    assert desk.next_at() == TEN_PM + 9 * HOUR


def test_a_warning_whose_lead_was_answered_meanwhile_is_dropped() -> None:
    """No alert tells that; the clock itself is asked when the message is due."""
    desk = Desk(CHAT)
    warning, other = notice("warned", "answered"), notice("warned", "waiting")
    desk.tell(warning)
    desk.tell(other)
    desk.now += 30_000

    found = desk.send(live={warning.clock: Live(ended=True, elapsed_ms=0, overdue_ms=0)})
    assert found is not None
    assert found.leads == ["waiting"]
    assert desk.outcomes(warning.id) == {Outcome.ENDED}


def test_a_warning_is_dropped_where_the_breach_was_told_before() -> None:
    """The breach passed the quiet hours, the warning didn't."""
    quiet = QuietHours(zone="Asia/Tokyo", spans=NIGHT.spans, passes=Severity.BREACH)
    desk = Desk(SinkRule(name="chat", quiet=quiet), now=TEN_PM)
    warning, breach = notice("warned"), notice("breached")
    desk.tell(warning)
    desk.tell(breach)
    desk.now += 30_000
    assert sent(desk).alert_ids == [breach.id]
    desk.send()

    assert desk.outcomes(warning.id) == {Outcome.SUPERSEDED}


@pytest.mark.parametrize("kind", ["met-late", "retracted"])
def test_the_end_of_a_breach_goes_to_those_who_were_told_of_it(kind: str) -> None:
    """Not to those who only had the warning, and not to anybody else."""
    desk = Desk(CHAT)
    desk.tell(notice("warned"), "warned@example.co.jp", "told@example.co.jp")
    desk.now += 30_000
    sent(desk)
    sent(desk)
    desk.tell(notice("breached"), "told@example.co.jp")
    desk.now += 30_000
    sent(desk)
    desk.tell(notice(kind))
    desk.now += 30_000

    found = sent(desk)
    assert (found.target, found.notices[0].kind) == ("told@example.co.jp", kind)
    assert desk.send() is None
    desk.tell(notice(kind, round=1, lead="lead-1"))
    assert desk.ledger.size == 0


def test_a_breach_that_is_over_before_it_was_told_is_dropped_with_its_end() -> None:
    """Nobody hears of either."""
    desk = Desk(CHAT)
    breach, end = notice("breached"), notice("retracted")
    desk.tell(breach)
    desk.tell(end)

    assert desk.send() is None
    assert desk.outcomes(breach.id) == {Outcome.ENDED}
    assert desk.outcomes(end.id) == {Outcome.NOT_TOLD}


def test_a_breach_that_comes_after_an_end_is_told() -> None:
    """It was taken back and then came to be all the same: only what was before the end is dropped with it."""
    desk = Desk(CHAT)
    first, end = notice("breached"), notice("retracted")
    again = replace(first, id=f"{first.id}:2")
    for each in (first, end, again):
        desk.tell(each)
    desk.now += 30_000

    assert sent(desk).alert_ids == [again.id]
    assert desk.outcomes(first.id) == {Outcome.ENDED}
    assert desk.outcomes(end.id) == {Outcome.NOT_TOLD}


def test_a_breach_told_anew_in_the_message_that_takes_it_back_has_its_end_told_too() -> None:
    """The channel has heard in the end that the promise is broken."""
    desk = Desk(CHAT)
    first, end = notice("breached"), notice("retracted")
    desk.tell(first)
    desk.now += 30_000
    sent(desk)
    again = replace(first, id=f"{first.id}:2")
    desk.tell(end)
    desk.tell(again)
    desk.now += 30_000
    assert sent(desk).alert_ids == [end.id, again.id]
    late = notice("met-late")
    desk.tell(late)
    desk.now += 30_000

    assert sent(desk).alert_ids == [late.id]


def test_a_breach_that_may_have_been_told_is_followed_by_its_end() -> None:
    """No answer came, so the receiver may have it; the breach isn't repeated, its end is told."""
    desk = Desk(CHAT)
    desk.tell(notice("breached"))
    desk.now += 30_000
    assert desk.send(Failed(doubt=True)) is not None
    end = notice("met-late")
    desk.tell(end)
    desk.now += 30_000

    assert sent(desk).alert_ids == [end.id]


def test_a_breach_that_certainly_was_not_taken_is_dropped_when_it_is_over() -> None:
    """The connection was refused, so there is nothing to take back."""
    desk = Desk(CHAT)
    desk.tell(notice("breached"))
    desk.now += 30_000
    assert desk.send(Failed(doubt=False)) is not None
    desk.tell(notice("met-late"))
    desk.now += 30_000

    assert desk.send() is None
    assert desk.ledger.size == 0


def test_a_crash_after_sending_repeats_the_same_message_under_the_same_id() -> None:
    """Although more came in meanwhile; that goes with the next one."""
    desk = Desk(CHAT)
    for lead in range(3):
        desk.tell(notice("breached", f"lead-{lead}"))
    desk.now += 30_000
    first = desk.leave()
    assert first is not None
    desk.crash()
    desk.tell(notice("breached", "later"))
    desk.now += 30_000

    again = sent(desk)
    assert (again.id, again.alert_ids) == (first.id, first.alert_ids)
    assert sent(desk).leads == ["later"]


def test_a_message_that_was_out_in_a_crash_stays_in_doubt_when_the_receiver_is_away_after() -> None:
    """The refused connection says nothing of the first time: the end of the breach is told."""
    desk = Desk(SinkRule(name="chat", window_ms=0))
    desk.tell(notice("breached"))
    assert desk.leave() is not None
    desk.crash()
    assert desk.send(Failed(doubt=False)) is not None
    desk.tell(end := notice("met-late"))
    desk.now += HOUR

    assert sent(desk).alert_ids == [end.id]


def test_a_lead_that_was_told_as_met_late_may_turn_out_to_have_been_met_in_time() -> None:
    """The call was logged a day later; after that nothing is left to tell."""
    desk = Desk(SinkRule(name="chat", window_ms=0))
    for kind in ("breached", "met-late", "retracted"):
        desk.tell(notice(kind))
        assert [each.kind for each in sent(desk).notices] == [kind]

    assert not desk.ledger.was_told("", notice("breached").clock)


def test_a_message_of_one_alert_has_its_id() -> None:
    """So a receiver that takes alerts one by one needs no other."""
    desk = Desk(SinkRule.for_machines("machine"))
    breach, end = notice("breached"), notice("retracted")
    desk.tell(breach)
    desk.tell(end)

    assert [sent(desk).id, sent(desk).id] == [breach.id, end.id]


def test_waits_after_failures_double_and_an_answer_ends_them() -> None:
    """With the whole of the wait where chance takes nothing off."""
    desk = Desk(SinkRule(name="chat", window_ms=0, first_wait_ms=1_000, longest_wait_ms=10_000))
    desk.tell(notice("breached"))
    waits: list[int] = []
    for _ in range(6):
        began = desk.now
        assert desk.send(Failed(doubt=False)) is not None
        desk.now = desk.next_at() or 0
        waits.append(desk.now - began)

    assert waits == [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]
    assert desk.ledger.channel("").tries == 6
    sent(desk)
    assert desk.ledger.channel("").tries == 0


def test_retry_after_keeps_the_whole_sink_waiting() -> None:
    """As long as it asked for, but not for ever."""
    desk = Desk(SinkRule(name="chat", window_ms=0, longest_hold_ms=HOUR))
    desk.tell(notice("breached", "a"), "a@example.co.jp")
    desk.tell(notice("breached", "b"), "b@example.co.jp")
    assert desk.send(Failed(doubt=False, retry_after_ms=42_000)) is not None

    assert desk.next_at() == START + 42_000
    desk.now = START + 42_000
    assert desk.send(Failed(doubt=False, retry_after_ms=10**12)) is not None
    assert desk.next_at() == desk.now + HOUR


def test_one_address_that_fails_does_not_keep_the_others_of_the_sink_waiting() -> None:
    """Each channel waits for itself unless the sink asked to be left alone."""
    desk = Desk(SinkRule(name="mail", window_ms=0))
    desk.tell(notice("breached", "a"), "a@example.co.jp")
    desk.tell(notice("breached", "b"), "b@example.co.jp")

    failed = desk.send(Failed(doubt=True))
    assert failed is not None
    assert failed.target == "a@example.co.jp"
    assert sent(desk).target == "b@example.co.jp"


def test_what_a_sink_will_never_take_is_dropped_and_the_rest_goes_on() -> None:
    """Its end then needs no telling."""
    desk = Desk(SinkRule(name="chat", window_ms=0))
    breach = notice("breached")
    desk.tell(breach)
    assert desk.send(Refused("HTTP 413")) is not None
    desk.tell(notice("met-late"))
    desk.tell(notice("breached", "next"))

    assert desk.outcomes(breach.id) == {Outcome.REFUSED}
    assert sent(desk).leads == ["next"]
    assert desk.ledger.size == 0


def test_a_sink_that_stays_away_keeps_alerts_for_a_bounded_time_and_number() -> None:
    """The newest are dropped when it is full, the oldest when they are too old; each with its reason."""
    desk = Desk(SinkRule(name="chat", window_ms=0, most_waiting=2, keeps_ms=HOUR))
    alerts = [notice("breached", f"lead-{each}") for each in range(3)]
    for each in alerts:
        desk.tell(each)
    desk.now += HOUR
    desk.send()

    assert [desk.outcomes(each.id) for each in alerts] == [
        {Outcome.EXPIRED},
        {Outcome.EXPIRED},
        {Outcome.OVERFLOW},
    ]


def test_an_alert_that_is_told_twice_waits_once() -> None:
    """By its id."""
    desk = Desk(CHAT)
    desk.tell(notice("breached"))
    desk.tell(notice("breached"))

    assert desk.ledger.size == 1
    desk.now += 30_000
    assert len(sent(desk).notices) == 1
    assert desk.send(Delivered()) is None


def test_the_next_round_of_a_clock_is_told_anew() -> None:
    """A breach of round 2 isn't the one that ended in round 1."""
    desk = Desk(SinkRule(name="chat", window_ms=0))
    desk.tell(notice("breached", round=1))
    sent(desk)
    desk.tell(notice("met-late", round=1))
    desk.tell(notice("breached", round=2))

    assert {each.round for each in sent(desk).notices} == {1, 2}
