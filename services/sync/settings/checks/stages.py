"""Checks of [[stages]]: that they read mapped fields, and that no field is read by two of them."""

from services.configuration.document import Document
from services.configuration.tables import Entry
from services.sync.domain.rules import Milestone
from services.sync.settings.catalogue import PRODUCED
from services.sync.settings.checks.references import known_field
from services.sync.settings.draft import Draft
from services.sync.settings.rule_sections import FieldEntry, StageEntry

_ENDS = (Milestone.WON, Milestone.LOST, Milestone.RECYCLED)


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong in the stage maps of *draft*."""
    seen: set[tuple[str, str]] = set()
    for entry in draft.stages:
        _check_entry(document, draft, entry)
        # One field of opportunities is the stage; of a lead's fields any number may tell milestones.
        key = (entry.value.kind, entry.value.field if entry.value.kind == "lead" else "")
        if key in seen:
            what = f"the field {entry.value.field}" if entry.value.kind == "lead" else "opportunities"
            document.report(entry.path, f"a second map for {what}", "put all values into one")
        seen.add(key)
    _check_first_stage(document, draft)


def _check_entry(document: Document, draft: Draft, entry: Entry[StageEntry]) -> None:
    stages = entry.value
    path = (*entry.path, "field")
    if stages.kind == "opportunity" and stages.side == "ma":
        document.report(
            (*entry.path, "side"), "opportunities live in the sales tool only", 'give side = "sfa"'
        )
    elif stages.kind == "lead" and stages.field in PRODUCED:
        mend = "name the field in which people set the status"
        document.report(path, f'"{stages.field}" is worked out by tasuki from the milestones', mend)
    elif (field := known_field(document, draft, path, stages.field, stages.kind)) is not None:
        _check_mapped(document, entry, field)
    if not stages.milestones:
        document.report(
            (*entry.path, "milestones"), "is empty", 'name at least one value: "Qualified" = "sql"'
        )
    for value, milestone in stages.milestones.items():
        if milestone is Milestone.LEAD:
            mend = "take it out; each record is a lead from its first day"
            document.report((*entry.path, "milestones", value), "every record reaches that by itself", mend)


def _check_mapped(document: Document, entry: Entry[StageEntry], field: FieldEntry) -> None:
    column = field.ma if entry.value.side == "ma" else field.sfa
    if column is None:
        problem = f"{field.name} isn't mapped on the side {entry.value.side}"
        document.report((*entry.path, "side"), problem, f'give the field {entry.value.side} = "…"')
        return
    canonical = set(column.values.values())
    for value in entry.value.milestones:
        if value in column.values and value not in canonical:
            mend = f'write "{column.values[value]}", which the field\'s value map makes of it'
            document.report((*entry.path, "milestones", value), "is renamed by the field's value map", mend)


def _check_first_stage(document: Document, draft: Draft) -> None:
    if draft.handoffs is None:
        return
    stage = draft.handoffs.opportunity_stage
    for entry in draft.stages:
        if entry.value.kind == "opportunity" and (end := entry.value.milestones.get(stage)) in _ENDS:
            document.report(
                ("handoffs", "opportunity_stage"),
                f'"{stage}" means {end}: each new opportunity would be over at once',
                "name the stage in which opportunities begin",
            )
