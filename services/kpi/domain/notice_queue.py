"""
The steps of an alert at a sink: queued, begun, settled. Pure: each returns what it changes.

Before a message leaves, it is noted as out, with the clocks of which its channel may now have heard. So a crash
between sending and noting the answer repeats the same message under the same id, and the end of a breach finds
everybody who may have heard of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeAlias

from services.kpi.domain.notice_ledger import Change, ChannelState, Sending, SinkLedger, Waiting
from services.kpi.domain.notice_rules import SinkRule
from services.kpi.domain.notice_tasks import TaskRequest
from services.kpi.domain.notices import ClockKey, Kind, Notice, Outcome, Place, ToldTo


@dataclass(frozen=True, slots=True)
class Delivered:
    """The sink has it, or has it by what is asked for in the commit that notes this."""

    asks: tuple[TaskRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """
    The sink didn't take it now.

    `doubt`: it may have it all the same, for instance where no answer came. `retry_after_ms`: the sink asked to
    be left alone for so long.
    """

    doubt: bool
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The sink will never take it; `why` is what it said."""

    why: str


Answer: TypeAlias = Delivered | Failed | Refused


def message_id(alert_ids: tuple[str, ...]) -> str:
    """Return the id of a message: its alert's, or one that the same alerts always give."""
    if len(alert_ids) == 1:
        return alert_ids[0]
    return f"digest-{sha256(chr(10).join(alert_ids).encode()).hexdigest()[:32]}"


def queue(ledger: SinkLedger, change: Change, place: Place, waiting: Waiting, rule: SinkRule) -> None:
    """Add to *change* that *waiting* is queued at *place*, unless it is already, or the queue is full."""
    if place in change.wait or place in change.done or ledger.find(place) is not None:
        return
    if ledger.size + len(change.wait) >= rule.most_waiting:
        change.done[place] = Outcome.OVERFLOW
    else:
        change.wait[place] = waiting


def concerned(ledger: SinkLedger, change: Change, clock: ClockKey) -> list[str]:
    """Return the channels that are to hear that a breach of *clock* is over, or where its alerts still wait."""
    queued = {place.target for place, each in change.wait.items() if each.notice.clock == clock}
    return sorted(queued | ledger.concerned(clock))


def begin(ledger: SinkLedger, target: str, notices: tuple[Notice, ...], now: int) -> Change:
    """Return the change by which a message with *notices* is out."""
    ids = tuple(each.id for each in notices)
    state = ledger.channel(target)
    sending = state.sending
    if sending is None or sending.alert_ids != ids:
        clocks = {each.clock: None for each in notices if each.is_breach}
        first = tuple(each for each in clocks if not ledger.was_told(target, each))
        sending = Sending(message_id(ids), ids, first)
    change = Change(now)
    change.channels[target] = replace(state, sending=sending, tries=state.tries + 1)
    change.told = {ToldTo(target, each): now for each in sending.first_told}
    return change


def settle(
    ledger: SinkLedger, target: str, rule: SinkRule, answer: Answer, *, now: int, jitter: float
) -> Change:
    """
    Return the change by which the message that is out to *target* has *answer*.

    *jitter* is 0 to 1, by chance: how much of the half of the wait after a failure is taken off.
    """
    state = ledger.channel(target)
    sending = state.sending
    if sending is None:
        return Change(now)
    if isinstance(answer, Failed):
        return _failed(ledger, target, state, sending, rule, answer, now, jitter)
    change = Change(now)
    outcome = Outcome.DELIVERED if isinstance(answer, Delivered) else Outcome.REFUSED
    change.done = {Place(target, each): outcome for each in sending.alert_ids}
    if isinstance(answer, Delivered):
        change.asks = answer.asks
    if isinstance(answer, Refused):
        change.refusal = answer.why
        change.channels[target] = ChannelState(state.sent_at)
        change.untold = [] if sending.doubt else _first_told(target, sending)
        return change
    kept = (*state.sent_at, now)[-rule.limit :] if rule.limit else ()
    change.channels[target] = ChannelState(kept)
    found = (ledger.find(Place(target, each)) for each in sending.alert_ids)
    notices = [each.notice for each in found if each is not None]
    change.untold = [ToldTo(target, each) for each in _taken_back(notices)]
    return change


def _failed(
    ledger: SinkLedger,
    target: str,
    state: ChannelState,
    sending: Sending,
    rule: SinkRule,
    answer: Failed,
    now: int,
    jitter: float,
) -> Change:
    change = Change(now)
    longest = min(rule.longest_wait_ms, rule.first_wait_ms * 2 ** min(max(state.tries - 1, 0), 20))
    next_at = now + round(longest * (1 - jitter / 2))
    if answer.retry_after_ms is not None:
        change.held_until = max(ledger.held_until, now + min(answer.retry_after_ms, rule.longest_hold_ms))
    doubt = sending.doubt or answer.doubt
    if not doubt:
        change.untold = _first_told(target, sending)
    kept = replace(sending, doubt=True) if doubt else None
    change.channels[target] = replace(state, sending=kept, next_at=next_at)
    return change


def _taken_back(notices: Iterable[Notice]) -> list[ClockKey]:
    """
    Return the clocks of which *notices*, in order, say in the end that there was no breach.

    One that was met late stays: it may still turn out to have been met in time.
    """
    taken_back: dict[ClockKey, None] = {}
    for each in notices:
        if each.kind is Kind.RETRACTED:
            taken_back[each.clock] = None
        elif each.is_breach:
            taken_back.pop(each.clock, None)
    return list(taken_back)


def _first_told(target: str, sending: Sending) -> list[ToldTo]:
    return [ToldTo(target, each) for each in sending.first_told]
