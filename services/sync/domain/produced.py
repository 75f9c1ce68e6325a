"""The fields that tasuki itself makes for a side, from what a lead amounts to."""

from collections.abc import Callable, Iterator, Mapping

from services.sync.domain.deals import worth
from services.sync.domain.field_map import whole_seconds
from services.sync.domain.lead import Lead, Opportunity
from services.sync.domain.lifecycle import Lifecycle, cycle_of, opportunity_of
from services.sync.domain.money import NoRate
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import is_blank
from services.sync.domain.rules import Milestone, Rules
from services.sync.domain.score_words import reasons

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
    deal = opportunity_of(lead, life) if lead.opportunities else None
    for name in rules.made[side]:
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


def composed(
    lead: Lead, rules: Rules, side: Side, differs: Mapping[str, Scalar]
) -> Iterator[tuple[str, Scalar]]:
    """Yield the fields of *side* that are made of others, as those will be; None where all are blank."""
    for name in rules.joined[side]:
        rule = rules.composed[name]
        values = (differs[each] if each in differs else current(lead, each, side) for each in rule.fields)
        yield name, rule.separator.join(str(each) for each in values if not is_blank(each)) or None


def current(lead: Lead, name: str, side: Side) -> Scalar:
    """Return what the field *name* is now: the company's, else what stands on *side*, else what does on the other."""
    if not is_blank(value := lead.of_company(name)):
        return value
    there = lead.seen(name, side).there
    return lead.seen(name, side.other).there if is_blank(there) else there


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
