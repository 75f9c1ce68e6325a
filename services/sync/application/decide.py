"""
Decide: one canonical change into its lead; out come the new state, what is told, and what is to be written.

A pure function of the lead and the event: the same event at the same place of the log always gives the same
emissions, so they may be repeated after any crash.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.dead_letters import DeadLettered
from schemas.lead import (
    LeadChange,
    LeadCompanyJoined,
    LeadCompanyLeft,
    LeadCompanyTold,
    LeadForgotten,
    LeadMergedInto,
    LeadObserved,
    LeadReviewed,
    LeadTakenOver,
    LeadTaskOver,
    LeadTaskWanted,
    LeadWriteRetried,
    LeadWriteSettled,
    LeadWriteStarted,
    Observed,
    Reviewed,
)
from services.sync.application.events import aim_of, observation_of, record_of
from services.sync.application.hearing_of_companies import hear
from services.sync.application.letters_of_leads import fight_letter, rate_letter, refused_letter
from services.sync.application.tell import (
    Context,
    Event,
    drift_found,
    fields_decided,
    lifecycle_events,
)
from services.sync.domain.company import employ, lacking, rules_of
from services.sync.domain.deals import lacks_rate
from services.sync.domain.decisions import Decision, made, outcomes
from services.sync.domain.desired import Missing, may_have_tasks, missing
from services.sync.domain.drift import Drift, drift
from services.sync.domain.echoes import Layer, disputed, hidden
from services.sync.domain.erasure import addresses
from services.sync.domain.facts import Erased, Fact, MergedInto, tell, tell_found, tell_handover, tell_offers
from services.sync.domain.fold import Folder, own_deal
from services.sync.domain.lead import NEVER, Lead
from services.sync.domain.lifecycle import Lifecycle, trace
from services.sync.domain.records import Kind, Observation, RecordRef, Side
from services.sync.domain.register import is_blank
from services.sync.domain.rescoring import bring, confirm, join
from services.sync.domain.rules import Rules
from services.sync.domain.scope import in_scope
from services.sync.domain.tasks import AskedTask, Promise
from services.sync.domain.uniting import Uniter, told_of_both

EXPLAINED = frozenset({"backlog", "backfill"})
"""Sweeps whose differences are no drift: their notifications still wait, or the record is met for the first time."""


@dataclass(slots=True)
class Decided:
    """
    What came of one change.

    `facts`, `decisions` and `dead_letters` are events for their topics. `made` are the decisions that are told.
    `missing` is what is to be written, by side, empty where all is well; what handoffs' records will say isn't worked out. `addresses`: the e-mail addresses that the
    lead had before and has now, where these differ; `forgotten`: those of a lead that was erased. `linked`: a record that
    became a company's. `drift` is what nobody had told us. `echoes`: how many of our own writes came back;
    `false_drops`: the fields of changes that were taken for such and were somebody's; `loops`: those in which our own
    write led to our own write. `unfit`: why nothing can come of the change, a stable word and a text. `changes_at`: when
    the score changes if nothing happens, NEVER if it doesn't.
    """

    facts: list[Event] = field(default_factory=list[Event])
    decisions: list[Event] = field(default_factory=list[Event])
    dead_letters: list[DeadLettered] = field(default_factory=list[DeadLettered])
    made: list[Decision] = field(default_factory=list[Decision])
    missing: dict[Side, list[Missing]] = field(default_factory=dict[Side, list[Missing]])
    forgotten: frozenset[str] | None = None
    addresses: tuple[frozenset[str], frozenset[str]] | None = None
    linked: RecordRef | None = None
    echoes: Counter[Layer] = field(default_factory=Counter[Layer])
    false_drops: list[str] = field(default_factory=list[str])
    loops: list[str] = field(default_factory=list[str])
    fights: int = 0
    drift: list[Drift] = field(default_factory=list[Drift])
    unfit: tuple[str, str] | None = None
    changes_at: int = NEVER


_ELSEWHERE = LeadMergedInto | LeadTakenOver | LeadForgotten | LeadCompanyJoined | LeadCompanyLeft
"""What moves a lead to another, or ends or concerns it from outside: it isn't decided on."""
_Within = (
    LeadObserved
    | LeadReviewed
    | LeadWriteRetried
    | LeadWriteSettled
    | LeadCompanyTold
    | LeadTaskWanted
    | LeadTaskOver
)


class Decide:
    """The firm's rules at work on leads."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.folder = Folder(rules)
        self._uniter = Uniter(rules)
        self._of_companies = rules_of(rules)

    def apply(self, lead: Lead, event: LeadChange, event_id: str) -> Decided:
        """
        Take *event* into *lead* (which is changed) and return what came of it.

        Args:
            lead: Its present state; an empty Lead for a new one.
            event: A change of that lead; what moves it to another is for `leave` and `take_over`.
            event_id: Unique for the place of the event in the log; the ids of what is told derive from it.
        """
        decided = Decided()
        if isinstance(event, LeadWriteStarted):
            started, aim = event.data, aim_of(event.data)
            lost, decided.loops = self.folder.start_write(
                lead, Side(started.side), started.slot, started.fields, started.started_at, aim
            )
            if lost:
                decided.dead_letters.append(fight_letter(lead, event, lost, event_id))
                decided.fights = len(lost)
            return decided
        if isinstance(event, _ELSEWHERE):
            raise TypeError(f"{event.type} is no change within one lead")
        context = Context(lead.id, event_id, event.traceparent)
        held = held_addresses(lead)
        bring(lead, self.rules)
        lead.scored_by = self.rules.scoring.mark
        self._take(lead, event, context, decided)
        if (now_held := held_addresses(lead)) != held and lead.erased_at == NEVER:
            # HubSpot keeps the addresses of both contacts of a merge on the one, where nobody else may enter them.
            decided.addresses = now_held if lead.taken_over else held, now_held
        return decided

    def _take(self, lead: Lead, event: _Within, context: Context, decided: Decided) -> None:
        if isinstance(event, LeadObserved):
            self._observe(lead, event.data, context, decided)
        elif isinstance(event, LeadReviewed):
            self._review(lead, event.data, context, decided)
        elif isinstance(event, LeadWriteRetried):
            lead.as_of = max(lead.as_of, event.data.retried_at)
            self.folder.retry_write(lead, Side(event.data.side), event.data.slot)
            self._follow(lead, context, event.data.retried_at, decided)
        elif isinstance(event, LeadCompanyTold):
            if hear(lead, event.data):
                self._follow(lead, context, event.data.told_at, decided)
        elif isinstance(event, LeadTaskWanted | LeadTaskOver):
            self._task(lead, event, context, decided)
        else:
            self._settle(lead, event, context, decided)

    def leave(self, lead: Lead, event: LeadMergedInto, event_id: str) -> Decided:
        """Return what is told when *lead* turns out to be another one: it is gone, and no side waits for it."""
        decided = Decided(missing={side: [] for side in Side})
        context, at = Context(lead.id, event_id, event.traceparent), event.data.noticed_at
        bring(lead, self.rules)
        life = trace(lead, self.rules)
        self._tell([MergedInto(event.data.into, at)], lead, life, context, at, decided)
        return decided

    def take_over(self, lead: Lead, other: Lead, event: LeadTakenOver, event_id: str) -> Decided:
        """
        Take all of *other*, which *event* brings, into *lead* and return what came of it.

        Its activities and handoffs, told of the other lead before, are told of this one.
        """
        decided, at = Decided(), event.data.merged_at
        context = Context(lead.id, event_id, event.traceparent)
        erased_before = lead.erased_at != NEVER
        if other.erased_at != NEVER or erased_before:
            decided.forgotten = addresses(lead) | addresses(other)
        for each in (lead, other):
            bring(each, self.rules)
        join(lead, other, self.rules)
        self._uniter.unite(lead, other, at)
        life = self._lived(lead, other) if lead.erased_at != NEVER else trace(lead, self.rules)
        self._follow(lead, context, at, decided, sorted(other.activities), life)
        self._tell(tell_offers(lead, life, other.told.offered), lead, life, context, at, decided)
        if lead.erased_at != NEVER and not erased_before:
            self._tell([Erased(lead.erased_at)], lead, life, context, at, decided)
        return decided

    def _lived(self, lead: Lead, other: Lead) -> Lifecycle:
        """Return what *lead* amounts to, which was erased: all that was told of it, and of *other*, stands."""
        own, lead.told = lead.told, told_of_both(lead.told, other.told)
        life = trace(lead, self.rules)
        lead.told = own
        return life

    def _observe(self, lead: Lead, data: Observed, context: Context, decided: Decided) -> None:
        side, seen = Side(data.side), observation_of(data)
        own = seen.kind in (Kind.LEAD, Kind.COMPANY)
        names = sorted({change.name for change in seen.fields}) if own else []
        before = outcomes(lead, names, self.rules)
        if names:
            layers = (self.folder.layer(lead, side, change) for change in seen.fields)
            decided.echoes = Counter(each for each in layers if each is not None)
            decided.false_drops = sorted(set(disputed(lead, side, seen)))
        if data.sweep is not None and data.sweep not in EXPLAINED:
            decided.drift = drift(lead, side, seen, self.folder)
            if decided.drift:
                decided.false_drops += hidden(lead, side, seen, decided.drift)
                decided.decisions.append(drift_found(decided.drift, data, context))
        _hurry(lead, data)
        erased_before = lead.erased_at != NEVER
        if seen.erased:
            decided.forgotten = addresses(lead)
        if lead.is_company and not seen.deleted and seen.moved_to is None and not _has(lead, side, seen.ref):
            decided.linked = seen.ref
        lacked = self._lacks_rate(lead, seen)
        lead.as_of = max(lead.as_of, data.observed_at)
        news = self.folder.observe(lead, side, seen)
        if (lacks := self._lacks_rate(lead, seen)) is not None and lacks != lacked:
            decided.dead_letters.append(rate_letter(lead, data, lacks, context))
        if news:
            changed = [name for name in names if name in news]  # a set's order isn't that of the next process
            decided.made = list(made(before, outcomes(lead, changed, self.rules)))
        if decided.made:
            decided.decisions.append(fields_decided(decided.made, context, data.observed_at))
        activities = [str(seen.ref)] if seen.kind is Kind.ACTIVITY else []
        life = self._follow(lead, context, data.observed_at, decided, activities)
        if lead.erased_at != NEVER and not erased_before:
            self._tell([Erased(lead.erased_at)], lead, life, context, data.observed_at, decided)
        handed = tell_found(lead, life, own_deal(lead, seen), data.observed_at)
        self._tell(handed, lead, life, context, data.observed_at, decided)

    def _lacks_rate(self, lead: Lead, seen: Observation) -> str | None:
        deal = lead.opportunities.get(seen.ref.id) if seen.kind is Kind.OPPORTUNITY else None
        return None if deal is None else lacks_rate(deal, self.rules)

    def _review(self, lead: Lead, data: Reviewed, context: Context, decided: Decided) -> None:
        """Look at a lead to whom nothing happened: points got old, or the rules changed."""
        lead.as_of = max(lead.as_of, data.reviewed_at)
        if data.hand_over:
            confirm(lead, data.reviewed_at, self.rules)
        self._follow(lead, context, data.reviewed_at, decided)

    def _settle(self, lead: Lead, event: LeadWriteSettled, context: Context, decided: Decided) -> None:
        data, side = event.data, Side(event.data.side)
        lead.as_of = max(lead.as_of, data.settled_at)
        if data.outcome == "refused" or data.ref is None:
            self.folder.refuse_write(lead, side, data.slot, data.fields, data.refused_fields)
            decided.dead_letters.append(refused_letter(lead, data, context))
        else:
            ref = record_of(data.ref)
            if data.moved_from is not None:
                left = record_of(data.moved_from)
                self.folder.move(lead, side, left, ref, for_good=left.object != ref.object)
            # Whose a company's record is that took another's place, its domain tells.
            if data.moved_from is None or not lead.is_company:
                self.folder.confirm_write(lead, side, data.slot, ref, data.fields, data.over, data.settled_at)
        life = self._follow(lead, context, data.settled_at, decided)
        if data.outcome == "confirmed":
            handed = tell_handover(lead, life, data.slot, data.settled_at)
            self._tell(handed, lead, life, context, data.settled_at, decided)

    def _task(
        self, lead: Lead, event: LeadTaskWanted | LeadTaskOver, context: Context, decided: Decided
    ) -> None:
        data = event.data
        promise = Promise(data.lead_id, data.policy, data.cycle, data.round)
        if isinstance(event, LeadTaskOver):
            lead.tasks.end(promise, data.told_at)
        else:
            decided.unfit = self._unfit(lead)
            if decided.unfit is not None:
                return
            asked = event.data
            texts = (asked.subject, asked.body, asked.owner or "")
            lead.tasks.ask(asked.task, AskedTask(promise, asked.told_at, *texts, asked.due_at))
        self._follow(lead, context, data.told_at, decided)

    def _unfit(self, lead: Lead) -> tuple[str, str] | None:
        """Return why no task can be made for *lead*; one whose sales record is only on its way can wait for it."""
        if lead.erased_at != NEVER:
            return "lead-erased", "the person asked to be forgotten: nothing is written of them any more"
        if self.rules.scope and not in_scope(lead, self.rules):
            return "out-of-scope", "the lead isn't in [[scope]]: nothing is written of it"
        if not may_have_tasks(lead, trace(lead, self.rules), self.rules):
            return "no-sales-record", "the lead has no record in the sales tool, and is to have none"
        return None

    def _follow(
        self,
        lead: Lead,
        context: Context,
        at: int,
        decided: Decided,
        activities: Sequence[str] = (),
        life: Lifecycle | None = None,
    ) -> Lifecycle:
        """Work out what the lead amounts to now, what is told of it and what each side lacks."""
        if lead.is_company:
            for side in Side:
                decided.missing[side] = lacking(lead, self.rules, side)
            return Lifecycle()
        if self.rules.companies is not None:
            employ(lead, self.rules.companies, at)
        life = life or trace(lead, self.rules)
        decided.changes_at = life.changes_at
        scoped = not self.rules.scope or in_scope(lead, self.rules)
        self._tell(tell(lead, life, activities, scoped=scoped), lead, life, context, at, decided)
        for side in Side:
            decided.missing[side] = missing(lead, life, self.rules, side, outlined=True)
        return life

    def _tell(
        self, found: list[Fact], lead: Lead, life: Lifecycle, context: Context, at: int, decided: Decided
    ) -> None:
        first = len(decided.facts)
        decided.facts += lifecycle_events(found, lead, life, self.rules, context, at, first=first)

    def lacks(self, lead: Lead, side: Side) -> list[Missing]:
        """Return what is to be written on *side* for *lead*, a copy, as it is now."""
        if lead.is_company:
            return lacking(lead, self._of_companies, side)
        bring(lead, self.rules)
        return missing(lead, trace(lead, self.rules), self.rules, side)


def held_addresses(lead: Lead) -> frozenset[str]:
    """Return the e-mail addresses that stand in the lead's records now, its duplicates too."""
    found = [lead.seen("email", side).there for side in Side]
    found += [lead.seen_in("email", side, ref).there for side in Side for ref in lead.duplicates(side)]
    return frozenset(str(each) for each in found if not is_blank(each))


def _has(company: Lead, side: Side, ref: RecordRef) -> bool:
    known = company.persons.get(side, {}).get(str(ref))
    return known is not None and known.alive


def _hurry(lead: Lead, data: Observed) -> None:
    """
    Note that only the first filling told of the lead, or that somebody did something since.

    Its history is handed over to nobody then. Our own writes that come back are nobody's doing.
    """
    if data.sweep == "backfill":
        if lead.unhurried_since != NEVER or not (lead.persons or lead.opportunities or lead.activities):
            lead.unhurried_since = max(lead.unhurried_since, data.observed_at)
            lead.history_until = max(lead.history_until, data.history_until or NEVER)
    elif lead.unhurried_since != NEVER:
        since = lead.unhurried_since
        if any(each.changed_at > since and not each.own for each in data.fields):
            lead.unhurried_since = NEVER
