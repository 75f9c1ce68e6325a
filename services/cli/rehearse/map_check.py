"""Whether a map fits its files and the configuration: all that is wrong with it, before anything starts."""

from collections.abc import Iterator, Mapping, Sequence

from services.cli.rehearse.column_map import ColumnMap, DealsMap, LeadsMap, Step
from services.cli.rehearse.csv_rows import Table
from services.cli.rehearse.template import columns_in, mistaken
from services.sync.domain.field_map import FieldType, MappedField
from services.sync.domain.records import Kind, Side
from services.sync.domain.rules import Milestone
from services.sync.settings import Settings


def mistakes_in(
    column_map: ColumnMap, leads: Table, deals: Table | None, settings: Settings
) -> Sequence[str]:
    """Return what is wrong with *column_map*, each as ``key: problem``."""
    found = list(_leads(column_map.leads, leads, settings))
    if column_map.deals is not None and deals is not None:
        found += _deals(column_map.deals, deals, settings)
    return found


def lead_fields(settings: Settings) -> Mapping[str, MappedField]:
    """Return the fields that a person can be given in the marketing tool, by name."""
    return {each.name: each for each in settings.ma_fields.of(Kind.LEAD)}


def deal_fields(settings: Settings) -> Mapping[str, MappedField]:
    """Return the fields that an opportunity can be given in the sales tool, by name."""
    return {each.name: each for each in settings.sfa_fields.of(Kind.OPPORTUNITY, "Opportunity")}


def _leads(leads: LeadsMap, table: Table, settings: Settings) -> Iterator[str]:
    known = lead_fields(settings)
    yield from _template("leads.id", leads.id, table, fixed=False)
    yield from _template("leads.at", leads.at, table, fixed=leads.at[:1].isdigit())
    for name, template in leads.fields.items():
        yield from _template(f"leads.fields.{name}", template, table, fixed=True)
    yield from _fields("leads.fields", leads.fields, known)
    if "email" not in leads.fields:
        yield "leads.fields: has no email, by which tasuki knows people; make one up of the id if there is none"
    elif not columns_in(leads.fields["email"], table.columns):
        yield "leads.fields.email: names no column, so that all leads would be one"
    for name, amount in leads.behaviour.items():
        if name not in known or known[name].type is not FieldType.INTEGER:
            counters = (each.name for each in known.values() if each.type is FieldType.INTEGER)
            yield f"leads.behaviour.{name}: is no counter of tasuki.toml; it has {', '.join(counters)}"
        if isinstance(amount, str):
            yield from _template(f"leads.behaviour.{name}", amount, table, fixed=False)


def _deals(deals: DealsMap, table: Table, settings: Settings) -> Iterator[str]:
    yield from _template("deals.lead", deals.lead, table, fixed=False)
    staged = {
        m: each.kind
        for each in settings.rules.stages
        if each.side is Side.SFA
        for m in each.milestones.values()
    }
    for place, step in enumerate(deals.steps, 1):
        key = f"deals.steps[{place}]"
        if step.milestone not in staged:
            yield f"{key}.milestone: no stage in [[stages]] of tasuki.toml means {step.milestone.value!r}"
        yield from _step(key, step, table, settings)
    by_opportunity = [each for each in deals.steps if staged.get(each.milestone) is Kind.OPPORTUNITY]
    if by_opportunity and all(each.milestone is not Milestone.SQL for each in deals.steps):
        yield (
            f'deals.steps: has {by_opportunity[0].milestone.value!r} and no "sql", at which the opportunity is '
            'made; add { milestone = "sql", at = ..., before = "1s" }'
        )


def _step(key: str, step: Step, table: Table, settings: Settings) -> Iterator[str]:
    if step.at is not None:
        yield from _template(f"{key}.at", step.at, table, fixed=step.at[:1].isdigit())
    for name, template in step.fields.items():
        yield from _template(f"{key}.fields.{name}", template, table, fixed=True)
    yield from _fields(f"{key}.fields", step.fields, deal_fields(settings))
    for name in step.when:
        yield from _template(f"{key}.when.{name}", name, table, fixed=False)


def _template(key: str, template: str, table: Table, *, fixed: bool) -> Iterator[str]:
    problem = mistaken(template, table.columns, fixed=fixed)
    if problem is not None:
        yield f"{key}: {problem}"


def _fields(key: str, fields: Mapping[str, str], known: Mapping[str, MappedField]) -> Iterator[str]:
    for name in fields:
        if name not in known:
            yield f"{key}.{name}: tasuki.toml has no such field; it has {', '.join(known)}"
        elif known[name].type is FieldType.OWNER:
            yield f"{key}.{name}: owners are the sandboxes' own people; leave it out"
