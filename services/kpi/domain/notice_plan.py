"""What a sink is to do now: what no longer needs telling, the next message, and when to look again. Pure."""

from collections.abc import Iterable, Mapping, Sequence
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
) -> Sequence[_Group]:
    view = _View(ledger, target, rule, now, live)
    state = ledger.channel(target)
    free_at = max(state.next_at, ledger.held_until)
    if state.sending is not None:
        out = [ledger.find(Place(target, each)) for each in state.sending.alert_ids]
        if all(each is not None and view.outcome(each) is None for each in out):
            # The message is repeated as it was.
            return [_timed(target, [each for each in out if each is not None], free_at, rule, now)]
        drops.channels[target] = replace(state, sending=None)
    kept = view.kept(ledger.queue(target), drops)
    free_at = max(free_at, _rate_free_at(state, rule))
    found = [_windowed(target, kept, free_at, rule, now)] if kept else []
    if rule.quiet is None or (found and found[0].at <= now):
        return found
    # The quiet holds the whole back, or may: what is loud enough goes alone.
    lets_pass = rule.quiet.lets_pass
    loud = view.kept((each for each in ledger.queue(target) if lets_pass(each.notice)), drops)
    return [*found, _windowed(target, loud, free_at, rule, now)] if loud else found


def _windowed(target: str, waiting: Sequence[Waiting], free_at: int, rule: SinkRule, now: int) -> _Group:
    window_ends = min(each.queued_at for each in waiting) + rule.window_ms
    return _timed(target, waiting, max(free_at, window_ends), rule, now)


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


@dataclass(frozen=True, slots=True)
class _View:
    """One channel's queue at an instant: what of it still needs telling."""

    ledger: SinkLedger
    target: str
    rule: SinkRule
    now: int
    live: Mapping[ClockKey, Live]

    def kept(self, waiting: Iterable[Waiting], drops: Change) -> list[Waiting]:
        """
        Return the first of *waiting* that need telling, as many as a message holds; add to *drops* what is before.

        No more is looked at, so that a sink that was away for long doesn't cost more with each message.
        """
        kept: list[Waiting] = []
        for each in waiting:
            outcome = self.outcome(each)
            if outcome is not None:
                drops.done[Place(self.target, each.notice.id)] = outcome
                continue
            kept.append(each)
            if len(kept) == self.rule.most_alerts:
                break
        return kept

    def outcome(self, waiting: Waiting) -> Outcome | None:
        """Return why *waiting* needs no telling any more, or None if it does."""
        notice = waiting.notice
        if self.now - waiting.queued_at >= self.rule.keeps_ms:
            return Outcome.EXPIRED
        told = self.ledger.was_told(self.target, notice.clock)
        if notice.is_recovery:
            return None if told or self._breach_stays_before(waiting) else Outcome.NOT_TOLD
        if not self.rule.current_only:
            return None
        if self._is_over(waiting):
            return Outcome.ENDED
        return Outcome.SUPERSEDED if notice.kind is Kind.WARNED and told else None

    # The end of a breach ends what came before it. What comes after it is news: the clock is overdue again.

    def _is_over(self, waiting: Waiting) -> bool:
        clock = waiting.notice.clock
        state = self.live.get(clock)
        if state is not None and state.ended:
            return True
        others = self.ledger.of_clock(self.target, clock)
        return any(each.notice.is_recovery and each.number > waiting.number for each in others)

    def _breach_stays_before(self, waiting: Waiting) -> bool:
        others = self.ledger.of_clock(self.target, waiting.notice.clock)
        return any(
            each.notice.is_breach and each.number < waiting.number and self.outcome(each) is None
            for each in others
        )
