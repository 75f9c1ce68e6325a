"""What a lead's record on a side is to hold, and what of that doesn't stand there."""

from itertools import chain

from services.sync.domain.belonging import is_offered
from services.sync.domain.consent import agreed
from services.sync.domain.handoff_records import owner_of
from services.sync.domain.lead import Lead
from services.sync.domain.lifecycle import Lifecycle
from services.sync.domain.owners import seen_from
from services.sync.domain.policy import UNSAID, resolve
from services.sync.domain.produced import composed, produced
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import NEVER, Register, is_blank
from services.sync.domain.rules import CompanyRules, FieldRule, Rules


def person_difference(lead: Lead, life: Lifecycle, rules: Rules, side: Side) -> dict[str, Scalar]:
    """Return the values of the lead's record on *side* that are to be others than stand there."""
    differs = _shared(lead, life, rules, side)
    made = chain(produced(lead, life, rules, side), composed(lead, rules, side, differs))
    differs |= {name: value for name, value in made if is_other(lead.seen(name, side).there, value)}
    if side is Side.SFA and lead.employer is not None and rules.companies is not None:
        differs |= _of_employer(lead, rules.companies)
    for names in rules.together.get(side, ()):
        if not names.isdisjoint(differs):
            differs = {name: lead.seen(name, side).there for name in sorted(names)} | differs
    return differs


def _shared(lead: Lead, life: Lifecycle, rules: Rules, side: Side) -> dict[str, Scalar]:
    """Return what differs of the fields that both sides share: asked at each change, for each of them."""
    differs: dict[str, Scalar] = {}
    writes_ma, offered = side is Side.MA, is_offered(lead, life)
    for name, mine, seen in lead.on_both(rules.fields, side):
        if mine is seen and not (offered and name == "owner"):
            continue  # nobody knows anything of it
        rule = rules.fields[name]
        theirs = seen_from(seen, name, side, rules)
        there, value = mine.there, wanted(mine, theirs, side, rule, rules)
        if value and name in rules.opt_ins and agreed(lead, name, rules) is not None:
            value = False
        if not value and not there and name in rules.consents:
            continue  # the same consent: a False that is on its way could undo an opt-out of that moment
        if offered and name == "owner":
            value = _owner(value, mine, theirs, lead, life, rules, writes_ma=writes_ma)
        if (
            there != value
            and is_other(there, value)
            and is_other(mine.overtaken, value)
            and (rule.write_ma if writes_ma else rule.write_sfa)
        ):
            differs[name] = value
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


def is_other(there: Scalar, value: Scalar) -> bool:
    """Return whether *value* is to be written over *there*; white space at the ends is cut off by some tools."""
    if there == value:
        return False
    if isinstance(there, str) and isinstance(value, str):
        return there.strip() != value.strip()
    return not (is_blank(there) and is_blank(value))
