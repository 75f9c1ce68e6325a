"""What a sink is to do now: what no longer needs telling, the next message, and when to look again. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from services.kpi.domain.notice_ledger import Change, ChannelState, SinkLedger, Waiting
from services.kpi.domain.notice_quiet import quiet_until
from services.kpi.domain.notice_rules import SinkRule
from services.kpi.domain.notices import ClockKey, Kind, Live, Notice, Outcome, Place

UNKNOWN: Mapping[ClockKey, Live] = MappingProxyType({})
"""Nothing is known of how the clocks stand now."""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    What to do now.

    `drops` is committed in any case. `target` and `notices` are the message that is due, None if none is.
    `next_at` is when something comes due if nothing else happens, epoch ms; None if nothing waits.
    """

    drops: Change
    target: str | None = None
    notices: tuple[Notice, ...] = ()
    next_at: int | None = None


@dataclass(frozen=True, slots=True)
class _Group:
    """Alerts of one channel that would go out together, from `at` on."""

    at: int
    target: str
    notices: tuple[Notice, ...]


def plan(ledger: SinkLedger, rule: SinkRule, now: int, live: Mapping[ClockKey, Live] = UNKNOWN) -> Plan:
    """
    Return what the sink of *ledger* is to do at *now*.

    Of several messages that are due, the one that has been due for longest goes first.
    """
    drops = Change(now)
    due: list[_Group] = []
    later: list[int] = []
    for target in ledger.targets:
        for group in _groups(ledger, target, rule, now, live, drops):
            if group.at <= now:
                due.append(group)
            else:
                later.append(group.at)
    if not due:
        return Plan(drops, next_at=min(later, default=None))
    first = min(due, key=lambda each: (each.at, each.target))
    return Plan(drops, first.target, first.notices, now)


def _groups(
    ledger: SinkLedger,
    target: str,
    rule: SinkRule,
    now: int,
    live: Mapping[ClockKey, Live],
    drops: Change,
) -> Iterable[_Group]:
    queue = ledger.queue(target)
    gone = _needless(queue, ledger, target, rule, now, live)
    drops.done |= {Place(target, each): outcome for each, outcome in gone.items()}
    state = ledger.channel(target)
    kept = [each for each in queue if each.notice.id not in gone]
    free_at = max(state.next_at, ledger.held_until)
    if state.sending is not None:
        out = [each for each in kept if each.notice.id in state.sending.alert_ids]
        if len(out) == len(state.sending.alert_ids):
            # In the order in which they were sent: the message is repeated as it was.
            out.sort(key=lambda each: _place_in(state, each))
            return [_timed(target, out, free_at, rule, now)]
        drops.channels[target] = replace(state, sending=None)
    if not kept:
        return []
    free_at = max(free_at, _rate_free_at(state, rule))
    loud = [each for each in kept if rule.quiet is not None and rule.quiet.lets_pass(each.notice)]
    found = [_windowed(target, kept, free_at, rule, now)]
    if loud:
        found.append(_windowed(target, loud, free_at, rule, now))
    # When both are due they are one message, of all; when the quiet holds the whole back, the loud go alone.
    return found[:1] if found[0].at <= now else found


def _windowed(target: str, waiting: Sequence[Waiting], free_at: int, rule: SinkRule, now: int) -> _Group:
    window_ends = min(each.queued_at for each in waiting) + rule.window_ms
    return _timed(target, waiting[: rule.most_alerts], max(free_at, window_ends), rule, now)


def _timed(target: str, waiting: Sequence[Waiting], at: int, rule: SinkRule, now: int) -> _Group:
    notices = tuple(each.notice for each in waiting)
    if rule.quiet is None or all(rule.quiet.lets_pass(each) for each in notices):
        return _Group(at, target, notices)
    # What was due before the quiet began and has not gone out waits too.
    return _Group(quiet_until(max(at, now), rule.quiet) or at, target, notices)


def _rate_free_at(state: ChannelState, rule: SinkRule) -> int:
    if not rule.limit or len(state.sent_at) < rule.limit:
        return 0
    return state.sent_at[-rule.limit] + rule.period_ms


def _place_in(state: ChannelState, waiting: Waiting) -> int:
    return 0 if state.sending is None else state.sending.alert_ids.index(waiting.notice.id)


def _needless(
    queue: Sequence[Waiting],
    ledger: SinkLedger,
    target: str,
    rule: SinkRule,
    now: int,
    live: Mapping[ClockKey, Live],
) -> dict[str, Outcome]:
    """Return which alerts of the queue need no telling any more, and why."""
    gone: dict[str, Outcome] = {}
    over = {each.notice.clock for each in queue if each.notice.is_recovery}
    over |= {clock for clock, state in live.items() if state.ended}
    for each in queue:
        outcome = _outcome(each, ledger, target, rule, now, over)
        if outcome is not None:
            gone[each.notice.id] = outcome
    staying = {each.notice.clock for each in queue if each.notice.is_breach and each.notice.id not in gone}
    for each in queue:
        clock = each.notice.clock
        if each.notice.is_recovery and not ledger.was_told(target, clock) and clock not in staying:
            gone.setdefault(each.notice.id, Outcome.NOT_TOLD)
    return gone


def _outcome(
    waiting: Waiting,
    ledger: SinkLedger,
    target: str,
    rule: SinkRule,
    now: int,
    over: Collection[ClockKey],
) -> Outcome | None:
    notice = waiting.notice
    if now - waiting.queued_at >= rule.keeps_ms:
        return Outcome.EXPIRED
    if not rule.current_only or notice.is_recovery:
        return None
    if notice.clock in over:
        return Outcome.ENDED
    if notice.kind is Kind.WARNED and ledger.was_told(target, notice.clock):
        return Outcome.SUPERSEDED
    return None
