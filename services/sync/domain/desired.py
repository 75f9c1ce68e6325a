"""What each side is to hold of a lead, and what of that is missing there. Level-triggered: no commands, only states."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from itertools import chain
from zoneinfo import ZoneInfo

from services.sync.domain.assignment import assigned
from services.sync.domain.consent import agreed
from services.sync.domain.deals import worth
from services.sync.domain.field_map import whole_seconds
from services.sync.domain.fold import fields_hash
from services.sync.domain.lead import (
    OWN_ID,
    PERSON_SLOT,
    Lead,
    Opportunity,
    field_key,
    kind_of_slot,
    slot_key,
)
from services.sync.domain.lifecycle import Lifecycle, cycle_of, opportunity_of, origin_of
from services.sync.domain.money import NoRate
from services.sync.domain.owners import as_on, seen_from
from services.sync.domain.policy import UNSAID, resolve
from services.sync.domain.records import Kind, Scalar, Side
from services.sync.domain.register import NEVER, Register, is_blank, value_hash
from services.sync.domain.rules import CompanyRules, FieldRule, Job, Milestone, Origin, Rules
from services.sync.domain.scope import in_scope
from services.sync.domain.score_words import reason_lines, reasons
from services.sync.domain.tasks import DONE, AskedTask


class Priority(IntEnum):
    """What goes first when not everything can go at once."""

    CONSENT = 0
    HOT = 1  # a new MQL
    HANDOFF = 2  # an SQL, a verdict
    EDIT = 3
    RECONCILE = 4
    BACKFILL = 5


@dataclass(frozen=True, slots=True)
class Missing:
    """
    A record that is not yet as it is to be: `fields` are the values that differ there.

    `named`: the lead id that it carries, where that is one that the lead had before.
    """

    side: Side
    slot: str
    fields: dict[str, Scalar]
    priority: Priority
    named: str = ""

    @property
    def kind(self) -> Kind:
        """What kind of record it is."""
        return kind_of_slot(self.slot)


def missing(lead: Lead, life: Lifecycle, rules: Rules, side: Side) -> list[Missing]:
    """
    Return what is to be written on *side*, the person first; empty when the side is as it should be.

    Of a lead that was erased nothing is written any more.

    What the vendor refused is left out until it would be something else, and what hangs on a person that
    isn't there waits for it.
    """
    if lead.erased_at != NEVER or not _belongs(lead, life, rules, side):
        return []
    found = [*_differences(lead, life, rules, side)]
    if found and lead.refused:
        found = [*_acceptable(lead, found)]
    if found and (_waits_for_company(lead, rules) or (rules.scope and not in_scope(lead, rules))):
        found = [] if lead.person(side) is None else [*_consents(found, rules)]
    if found and found[0].slot != PERSON_SLOT and lead.person(side) is None:
        return []
    return found


def _waits_for_company(lead: Lead, rules: Rules) -> bool:
    """Return whether who gets the lead hangs on its company, which hasn't answered yet: that takes a moment."""
    if rules.companies is None or lead.employer is None or lead.employer.heard:
        return False
    return rules.assignment.account_owner in rules.companies.told


def _consents(found: list[Missing], rules: Rules) -> Iterator[Missing]:
    """Yield what is missing of consents alone: that goes past the scope, to those who stand there."""
    for each in found:
        fields = {name: value for name, value in each.fields.items() if name in rules.consents}
        if fields and each.slot == PERSON_SLOT:
            yield replace(each, fields=fields)


def _acceptable(lead: Lead, found: list[Missing]) -> Iterator[Missing]:
    """Yield what is missing without the values that the vendor refused."""
    for each in found:
        fields = {
            name: value
            for name, value in each.fields.items()
            if lead.refused.get(field_key(each.side, each.slot, name)) != value_hash(value)
        }
        if fields.keys() == {OWN_ID} and lead.person(each.side) is None:
            continue  # nobody is made for our id alone
        if fields and lead.refused.get(slot_key(each.side, each.slot)) != fields_hash(fields):
            yield replace(each, fields=fields)


def _belongs(lead: Lead, life: Lifecycle, rules: Rules, side: Side) -> bool:
    """
    Marketing holds every lead; sales those it made itself and those that qualified.

    A lead that was deleted isn't made again, on neither side.
    """
    if lead.person(side) is not None:
        return True
    if rules.scope and not in_scope(lead, rules):
        return False
    if lead.is_gone(side) or lead.person(side.other) is None:
        return False
    return (
        side is Side.MA
        or rules.mirror_all
        or any(each is Milestone.MQL and at > lead.history_until for (_, each), at in life.milestones.items())
    )


def _differences(lead: Lead, life: Lifecycle, rules: Rules, side: Side) -> Iterator[Missing]:
    person = _person_difference(lead, life, rules, side)
    if person if lead.person(side) is None else _is_to_be_marked(lead, life, rules, side):
        person[OWN_ID] = lead.id
    if person:
        yield Missing(side, PERSON_SLOT, person, _priority(lead, life, rules, side, person))
    if side is Side.SFA and not life.closed:
        yield from _handoff_records(lead, life, rules)
    if side is Side.SFA and lead.tasks.asked:
        yield from _alert_tasks(lead, life, rules)


def _is_to_be_marked(lead: Lead, life: Lifecycle, rules: Rules, side: Side) -> bool:
    """Who stands, or is to stand, on both sides carries our id on both: it outlives another e-mail address."""
    return lead.lacks_mark(side) and _belongs(lead, life, rules, side.other)


def _person_difference(lead: Lead, life: Lifecycle, rules: Rules, side: Side) -> dict[str, Scalar]:
    differs: dict[str, Scalar] = {}
    other, writes_ma = side.other, side is Side.MA
    for name, rule in rules.fields.items():
        mine = lead.seen(name, side)
        theirs = seen_from(lead.seen(name, other), name, side, rules)
        there, value = mine.there, wanted(mine, theirs, side, rule, rules)
        if value and name in rules.opt_ins and agreed(lead, name, rules) is not None:
            value = False
        if not value and not there and name in rules.consents:
            continue  # the same consent: a False that is on its way could undo an opt-out of that moment
        if name == "owner" and _is_offered(lead, life):
            value = _owner(value, mine, theirs, lead, life, rules, writes_ma=writes_ma)
        if (
            there != value
            and is_other(there, value)
            and is_other(mine.overtaken, value)
            and (rule.write_ma if writes_ma else rule.write_sfa)
        ):
            differs[name] = value
    made = produced(lead, life, rules, side)
    made = chain(made, _composed(lead, rules, side, differs))
    differs |= {name: value for name, value in made if is_other(lead.seen(name, side).there, value)}
    if side is Side.SFA and lead.employer is not None and rules.companies is not None:
        differs |= _of_employer(lead, rules.companies)
    for names in rules.together.get(side, ()):
        if not names.isdisjoint(differs):
            differs = {name: lead.seen(name, side).there for name in sorted(names)} | differs
    return differs


def _of_employer(lead: Lead, rules: CompanyRules) -> dict[str, Scalar]:
    """Return what sales is to see of the company on the lead, and doesn't; what nobody knows clears nothing."""
    values = {name: lead.of_company(name) for name in sorted(rules.shown)}
    return {
        name: value
        for name, value in values.items()
        if not is_blank(value) and is_other(lead.seen(name, Side.SFA).there, value)
    }


def wanted(mine: Register, theirs: Register, side: Side, rule: FieldRule, rules: Rules) -> Scalar:
    """
    Return what a field is to be on *side*, where it is *mine*: by its policy; as it is where nobody has a say.

    Most fields need no policy: only one side ever said something, or both hold the same and said nothing else.
    """
    there = mine.there
    if mine.said_at == NEVER or mine.said == there:
        if theirs.said_at == NEVER or (theirs.said == there and theirs.there == there):
            return there
        if mine.said_at == NEVER:
            return theirs.said if theirs.speaks else there
    ma, sfa = (mine, theirs) if side is Side.MA else (theirs, mine)
    outcome = resolve(rule.policy, ma, sfa, tie_order=rules.tie_order, skew_ms=rules.skew_ms)
    return there if outcome.rule == UNSAID.rule else outcome.on(side)


def _owner(
    value: Scalar,
    mine: Register,
    theirs: Register,
    lead: Lead,
    life: Lifecycle,
    rules: Rules,
    *,
    writes_ma: bool,
) -> Scalar:
    """
    Return who is to own the lead on a side where it would be *value*: where that is nobody, whom it falls to.

    Where nobody ever named an owner, both sides were filled by us, perhaps at instants at which it fell to different
    people: marketing follows sales then, and there what was written last.
    """
    if is_blank(value):
        return owner_of(lead, life, rules)
    unsaid = mine.said_at == theirs.said_at == NEVER
    if not (writes_ma and unsaid):
        return value
    last = Register(there=lead.seen("owner", Side.SFA).overtaken)
    followed = seen_from(last, "owner", Side.MA, rules).there
    return value if is_blank(followed) else followed


def _is_offered(lead: Lead, life: Lifecycle) -> bool:
    """Return whether inside sales is to have the lead."""
    return _is_to_be_handed(lead, life, Milestone.MQL) and not life.closed


def _is_to_be_handed(lead: Lead, life: Lifecycle, milestone: Milestone) -> bool:
    """Return whether the present cycle reached *milestone*, not as a history that the first filling met."""
    at = life.reached(milestone)
    return at is not None and at > lead.history_until


def is_other(there: Scalar, value: Scalar) -> bool:
    """Return whether *value* is to be written over *there*; white space at the ends is cut off by some tools."""
    if isinstance(there, str) and isinstance(value, str):
        return there.strip() != value.strip()
    return there != value and not (is_blank(there) and is_blank(value))


def _priority(lead: Lead, life: Lifecycle, rules: Rules, side: Side, differs: dict[str, Scalar]) -> Priority:
    if lead.unhurried_since != NEVER:
        return Priority.BACKFILL
    if any(differs.get(name) for name in rules.consents):
        return Priority.CONSENT
    if side is Side.SFA and _is_offered(lead, life) and f"task:{life.cycle}" not in lead.slots:
        return _heat(lead, life)
    if differs.keys() <= SCORE_FIELDS:
        return Priority.RECONCILE
    if not differs.keys().isdisjoint(SALES_FIELDS):
        return Priority.HANDOFF
    return Priority.RECONCILE if differs.keys() == {OWN_ID} else Priority.EDIT


def _handoff_records(lead: Lead, life: Lifecycle, rules: Rules) -> Iterator[Missing]:
    """The task of an MQL, and the opportunity of an SQL unless sales made one itself in that cycle."""
    task, deal = f"task:{life.cycle}", f"opportunity:{life.cycle}"
    if _is_to_be_handed(lead, life, Milestone.MQL) and task not in lead.slots:
        yield Missing(Side.SFA, task, _task(lead, life, rules), _hurry(lead, _heat(lead, life)))
    if not _is_to_be_handed(lead, life, Milestone.SQL) or deal in lead.slots:
        return
    if not any(cycle_of(each, life) == life.cycle for each in lead.opportunities.values()):
        yield Missing(Side.SFA, deal, _opportunity(lead, life, rules), _hurry(lead, Priority.HANDOFF))


def _alert_tasks(lead: Lead, life: Lifecycle, rules: Rules) -> Iterator[Missing]:
    """
    The tasks that alerts asked for. They are part of a handoff that is late, so they go with the handoffs.

    A completion can wait: nobody is kept from anything by a task that is open for some time longer.
    """
    for slot, task in lead.tasks.unmade():
        fields = _alert_task(lead, life, rules, slot, task)
        yield Missing(Side.SFA, slot, fields, Priority.HANDOFF, named=task.promise.lead_id)
    for slot, task in lead.tasks.unclosed():
        yield Missing(Side.SFA, slot, dict(DONE), Priority.EDIT, named=task.promise.lead_id)


def _alert_task(lead: Lead, life: Lifecycle, rules: Rules, slot: str, task: AskedTask) -> dict[str, Scalar]:
    """Return what the task says; whom the sales tool doesn't know as a user has it done by the lead's owner."""
    unknown = field_key(Side.SFA, slot, "owner") in lead.refused
    owner = task.owner if task.owner and not unknown else owner_of(lead, life, rules)
    return {
        "subject": task.subject,
        "type": "task",
        "owner": owner,
        "due_on": _day(task.due_at, rules),
        "body": task.body,
    }


def may_have_tasks(lead: Lead, life: Lifecycle, rules: Rules) -> bool:
    """Return whether the lead stands in the sales tool, or is to."""
    return _belongs(lead, life, rules, Side.SFA)


def _heat(lead: Lead, life: Lifecycle) -> Priority:
    """Return how urgent a new MQL is: one that only changed rules made comes after everything else."""
    at = life.reached(Milestone.MQL)
    by_rules = at is not None and at > lead.rules_since and at in lead.qualified
    return Priority.BACKFILL if by_rules else Priority.HOT


def _hurry(lead: Lead, priority: Priority) -> Priority:
    return Priority.BACKFILL if lead.unhurried_since != NEVER else priority


def _task(lead: Lead, life: Lifecycle, rules: Rules) -> dict[str, Scalar]:
    qualified_at = life.milestones[life.cycle, Milestone.MQL]
    return {
        "subject": rules.handoffs.task_subject.format_map(_words(lead, life)),
        "type": "task",
        "owner": owner_of(lead, life, rules),
        "due_on": _day(qualified_at + rules.handoffs.task_due_hours * 3_600_000, rules),
        "body": "\n".join(reason_lines(life, rules)),
    }


def _opportunity(lead: Lead, life: Lifecycle, rules: Rules) -> dict[str, Scalar]:
    judged_at = life.milestones[life.cycle, Milestone.SQL]
    return {
        "name": rules.handoffs.opportunity_name.format_map(_words(lead, life)),
        "stage": rules.handoffs.opportunity_stage,
        "owner": assigned(lead, Job.FIELD_SALES, rules, judged_at),
        "close_on": _day(judged_at + rules.handoffs.opportunity_close_days * 86_400_000, rules),
    }


def _words(lead: Lead, life: Lifecycle) -> dict[str, str]:
    first, last = (_current(lead, name, Side.SFA) for name in ("first_name", "last_name"))
    names = [str(each) for each in (last, first) if each]
    return {
        "company": str(_current(lead, "company", Side.SFA) or ""),
        "name": " ".join(names) or str(_current(lead, "email", Side.SFA) or ""),
        "score": str(life.score),
    }


def _current(lead: Lead, name: str, side: Side) -> Scalar:
    if not is_blank(value := lead.of_company(name)):
        return value
    there = lead.seen(name, side).there
    return lead.seen(name, side.other).there if is_blank(there) else there


def _day(instant: int, rules: Rules) -> str:
    """Return the firm's calendar day of *instant*."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)
    return moment.astimezone(ZoneInfo(rules.time_zone)).date().isoformat()


def owner_of(lead: Lead, life: Lifecycle, rules: Rules) -> Scalar:
    """Return who works the lead, as sales knows them: sales' owner, else marketing's, else whom it falls to."""
    ours = lead.seen("owner", Side.SFA).overtaken
    theirs = lead.seen("owner", Side.MA).there if is_blank(ours) else ours
    if is_blank(ours) and rules.owners:
        theirs = as_on(Side.SFA, theirs, rules)
    return theirs or inside_sales(lead, life, rules)


def inside_sales(lead: Lead, life: Lifecycle, rules: Rules) -> str | None:
    """Return who of inside sales gets the lead, as things were when it qualified."""
    job = Job.BDR if origin_of(lead, rules) is Origin.BDR else Job.SDR
    return assigned(lead, job, rules, life.reached(Milestone.MQL))


SCORE_FIELDS = frozenset({"score", "score_reasons"})
"""What may change although nobody did anything; of all leads at once, when the rules change."""

SALES_FIELDS = ("sales_stage", "sales_amount", "sales_owner", "sales_close_on", "lost_reason", "verdict")
"""What sales' opportunity tells marketing, in the words of the field map."""

_OF_OPPORTUNITY = {
    "sales_stage": "stage",
    "sales_amount": "amount",
    "sales_owner": "owner",
    "sales_close_on": "close_on",
    "lost_reason": "lost_reason",
}


def produced(lead: Lead, life: Lifecycle, rules: Rules, side: Side) -> Iterator[tuple[str, Scalar]]:
    """Yield the fields that tasuki itself makes for *side*, with their values now."""
    wanted = rules.produced.get(side, frozenset()) - rules.composed.keys()
    deal = opportunity_of(lead, life) if wanted.intersection(SALES_FIELDS) else None
    for name in sorted(wanted):
        if name == "sales_amount":
            try:
                yield name, worth(deal, rules, rules.sales_currency) if deal else None
            except NoRate:
                continue  # what stands there is the last that was known
        elif name in _OF_OPPORTUNITY:
            register = deal.fields.get(_OF_OPPORTUNITY[name]) if deal else None
            yield name, register.there if register else None
        elif name == "verdict":
            yield name, _verdict(deal, life) if deal else None
        elif name == "score_reasons":
            yield name, reasons(life, rules)
        else:
            yield name, _PRODUCED[name](life)


def _composed(
    lead: Lead, rules: Rules, side: Side, differs: Mapping[str, Scalar]
) -> Iterator[tuple[str, Scalar]]:
    """Yield the fields of *side* that are made of others, as those will be; None where all are blank."""
    for name in sorted(rules.produced.get(side, frozenset()).intersection(rules.composed)):
        rule = rules.composed[name]
        values = (differs[each] if each in differs else _current(lead, each, side) for each in rule.fields)
        yield name, rule.separator.join(str(each) for each in values if not is_blank(each)) or None


def _verdict(deal: Opportunity, life: Lifecycle) -> str:
    end = life.end(cycle_of(deal, life))
    return "open" if end is None else end.value


_PRODUCED: dict[str, Callable[[Lifecycle], Scalar]] = {
    "score": lambda life: life.score,
    "stage": lambda life: life.stage.value,
    "cycle": lambda life: life.cycle,
    "mql_at": lambda life: whole_seconds(life.reached(Milestone.MQL)),
}

PRODUCED_FIELDS = frozenset({*_PRODUCED, *SALES_FIELDS, "score_reasons"})
"""Every field that tasuki can make; a field map may give each a place on either side."""
