"""What will be done to a lead, and what there is to know of it: the lines of a dry run. Pure."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from services.sync.domain.desired import Missing
from services.sync.domain.lead import COMPANY_PREFIX, NEVER, OWN_ID, PERSON_SLOT, Lead
from services.sync.domain.lifecycle import Lifecycle
from services.sync.domain.policy import resolve
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import is_blank
from services.sync.domain.rules import Milestone, Rules


class What(StrEnum):
    """What a line tells of."""

    LINKED = "linked"  # stands on both sides, and the two records become one lead
    ONLY = "only"  # stands on this side only, and stays so
    CREATE = "create"  # a person is made on this side
    CHANGE = "change"  # a field of a record on this side gets another value
    MARK = "mark"  # our id is put on the record
    CONFLICT = "conflict"  # both sides say something else: `side` wins by the rule, or each keeps its own
    SEVERAL = "several"  # more than one record of this side is the same person
    NO_EMAIL = "no-email"  # no address: nobody on the other side can be the same
    HISTORY = "history"  # qualified before: not handed over
    TASK = "task"  # a task is made in the sales tool
    OPPORTUNITY = "opportunity"  # a deal is made in the sales tool
    COMPANY_LINKED = "company-linked"  # stands on both sides, and the two records become one company
    COMPANY_ONLY = "company-only"  # stands on this side only: nobody makes it on the other
    COMPANY_CHANGE = "company-change"  # a field of the company on this side gets another value
    COMPANY_SEVERAL = "company-several"  # more than one record of this side has its domain
    COMPANY_CONFLICT = "company-conflict"  # as a lead's


class Line(NamedTuple):
    """
    One line; `record` is the vendor's record where there is one, `there` and `becomes` its values.

    Of a company `lead_id` is its id, and `email` its domain.
    """

    lead_id: str
    email: str
    what: What
    side: str = ""
    record: str = ""
    field: str = ""
    there: Scalar = None
    becomes: Scalar = None
    rule: str = ""


def lines(lead: Lead, life: Lifecycle, lacks: dict[Side, list[Missing]], rules: Rules) -> Iterator[Line]:
    """Yield what there is to say of *lead*, given what each side lacks."""
    email = str(_value(lead, "email") or "")
    alive = {side: [each for each in lead.persons.get(side, {}).values() if each.alive] for side in Side}
    for side in Side:
        record = str(lead.person(side) or "")
        if alive[side] and alive[side.other] and side is Side.MA:
            yield Line(lead.id, email, What.LINKED, side, record)
        if alive[side] and not alive[side.other] and not _is_made(lacks[side.other]):
            yield Line(lead.id, email, What.ONLY, side, record)
        if len(alive[side]) > 1:
            yield Line(lead.id, email, What.SEVERAL, side, record, becomes=len(alive[side]))
        if alive[side] and not email:
            yield Line(lead.id, email, What.NO_EMAIL, side, record)
        for lack in lacks[side]:
            yield from _of_lack(lead, email, lack, record)
    if all(alive.values()):
        yield from _conflicts(lead, email, rules)
    qualified_at = life.reached(Milestone.MQL)
    if qualified_at is not None and NEVER < qualified_at <= lead.history_until:
        yield Line(lead.id, email, What.HISTORY, becomes=qualified_at)


def _is_made(lacks: list[Missing]) -> bool:
    return any(each.slot == PERSON_SLOT for each in lacks)


def _of_lack(lead: Lead, email: str, lack: Missing, record: str) -> Iterator[Line]:
    if lack.slot != PERSON_SLOT:
        what = What.TASK if lack.slot.startswith("task") else What.OPPORTUNITY
        yield Line(lead.id, email, what, lack.side, lead.slots.get(lack.slot, "") and record)
        return
    if not record:
        yield Line(lead.id, email, What.CREATE, lack.side)
        return
    for name, value in sorted(lack.fields.items()):
        if name == OWN_ID:
            yield Line(lead.id, email, What.MARK, lack.side, record)
        else:
            there = lead.seen(name, lack.side).there
            yield Line(lead.id, email, What.CHANGE, lack.side, record, name, there, value)


def _conflicts(lead: Lead, email: str, rules: Rules) -> Iterator[Line]:
    for name, rule in sorted(rules.fields.items()):
        ma, sfa = lead.seen(name, Side.MA), lead.seen(name, Side.SFA)
        outcome = resolve(rule.policy, ma, sfa, tie_order=rules.tie_order, skew_ms=rules.skew_ms)
        if not outcome.conflict:
            continue
        if outcome.winner is None:
            yield Line(lead.id, email, What.CONFLICT, "", "", name, ma.said, sfa.said, outcome.rule)
        else:
            lost = sfa.said if outcome.winner is Side.MA else ma.said
            won = outcome.on(outcome.winner)
            yield Line(lead.id, email, What.CONFLICT, outcome.winner, "", name, lost, won, outcome.rule)


def company_lines(company: Lead, lacks: dict[Side, list[Missing]], rules: Rules) -> Iterator[Line]:
    """Yield what there is to say of *company*, given what each side lacks, by the rules of companies."""
    domain = company.id.removeprefix(COMPANY_PREFIX)
    records = {side: str(company.person(side) or "") for side in Side}
    if all(records.values()):
        yield Line(company.id, domain, What.COMPANY_LINKED, Side.MA, records[Side.MA])
    for side, record in records.items():
        if record and not records[side.other]:
            yield Line(company.id, domain, What.COMPANY_ONLY, side, record)
        if others := company.duplicates(side):
            yield Line(company.id, domain, What.COMPANY_SEVERAL, side, record, becomes=1 + len(others))
        differs = {name: value for lack in lacks[side] for name, value in lack.fields.items()}
        for name, value in sorted(differs.items(), key=lambda each: each[0]):
            there = company.seen(name, side).there
            yield Line(company.id, domain, What.COMPANY_CHANGE, side, record, name, there, value)
    if all(records.values()):
        for each in _conflicts(company, domain, rules):
            yield each._replace(what=What.COMPANY_CONFLICT)


def _value(lead: Lead, name: str) -> Scalar:
    there = lead.seen(name, Side.MA).there
    return lead.seen(name, Side.SFA).there if is_blank(there) else there
