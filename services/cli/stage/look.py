"""What stands in the two sandboxes, read for a comparison."""

from collections.abc import Mapping
from typing import Any

from services.cli.stage.stage import Stage
from services.cli.stage.verdict import Comparison, Difference, Person, Reader
from services.sync.domain.policy import is_blank
from services.sync.domain.records import Kind, Scalar, Side

_OF_DEAL = {
    "sales_stage": "stage",
    "sales_amount": "amount",
    "sales_owner": "owner",
    "sales_close_on": "close_on",
    "lost_reason": "lost_reason",
}


def reader_of(stage: Stage) -> Reader:
    """Return a reader for the stage's sandboxes."""
    settings = stage.settings
    return Reader(
        maps={Side.MA: settings.ma_fields, Side.SFA: settings.sfa_fields},
        owners=stage.owners(),
        keys={Side.MA: settings.ma.own_property, Side.SFA: settings.sfa.external_id_field},
    )


async def people(stage: Stage) -> tuple[list[Person], list[Person]]:
    """Return marketing's and sales' persons that aren't deleted, nor converted."""
    reader = reader_of(stage)
    ma = [
        reader.person(Side.MA, "contact", each) async for each in stage.ma.records("contact") if _stands(each)
    ]
    sfa = [
        reader.person(Side.SFA, of, each)
        for of in ("Lead", "Contact")
        async for each in stage.sfa.records(of)
        if _stands(each)
    ]
    return ma, sfa


async def newest_people(stage: Stage, count: int = 200) -> tuple[list[Person], list[Person]]:
    """Return of `people` those among the last *count* records of each object."""
    reader = reader_of(stage)
    ma = [
        reader.person(Side.MA, "contact", each)
        for each in await stage.ma.newest("contact", count)
        if _stands(each)
    ]
    sfa = [
        reader.person(Side.SFA, of, each)
        for of in ("Lead", "Contact")
        for each in await stage.sfa.newest(of, count)
        if _stands(each)
    ]
    return ma, sfa


def _stands(record: Mapping[str, Any]) -> bool:
    return not record["archived"] and not record["fields"].get("IsConverted")


async def compare_opportunities(
    stage: Stage, ma: list[Person], sfa: list[Person], comparison: Comparison
) -> None:
    """Add to *comparison* whether marketing's view of a lead's only opportunity is what stands in sales."""
    reader = reader_of(stage)
    deals = await _deals(stage, ma, sfa)
    mapped = {each.name: each for each in stage.settings.sfa_fields.of(Kind.OPPORTUNITY, "Opportunity")}
    for person in ma:
        if len(deals.get(person.name, ())) != 1:
            continue
        (deal,) = deals[person.name]
        for told, name in _OF_DEAL.items():
            if told in person.fields and name in mapped:
                theirs = reader.value(mapped[name], deal.get(mapped[name].vendor_name))
                comparison.fields += 1
                if _plain(person.fields[told]) != _plain(theirs):
                    comparison.differences.append(
                        Difference(person.name, told, person.fields[told], theirs, "isn't the opportunity's")
                    )


async def _deals(
    stage: Stage, ma: list[Person], sfa: list[Person]
) -> Mapping[str, list[Mapping[str, object]]]:
    """
    Return the fields of each person's opportunities, by the person's name.

    tasuki's own carry a lead_id, which stands on the person's record on the side where tasuki made it, and on
    the task that hangs on it; those of a conversion name their contact.
    """
    key = stage.settings.sfa.external_id_field
    names = {each.id: each.name for each in sfa} | {each.lead_id: each.name for each in ma if each.lead_id}
    names |= {each.lead_id: each.name for each in sfa if each.lead_id}
    async for task in stage.sfa.records("Task"):
        lead_id = _lead_id(task, key)
        if lead_id and task["fields"].get("WhoId") in names:
            names.setdefault(lead_id, names[task["fields"]["WhoId"]])
    found: dict[str, list[Mapping[str, object]]] = {}
    async for deal in stage.sfa.records("Opportunity"):
        name = names.get(_lead_id(deal, key)) or names.get(str(deal["fields"].get("ContactId")))
        if name and not deal["archived"]:
            found.setdefault(name, []).append(deal["fields"])
    return found


def _lead_id(record: Mapping[str, Any], key: str) -> str:
    return str(record["fields"].get(key) or "").partition(":")[0]


def _plain(value: Scalar) -> Scalar:
    return None if is_blank(value) else value
