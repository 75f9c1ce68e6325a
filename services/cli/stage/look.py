"""What stands in the two sandboxes, read for a comparison."""

from collections.abc import Mapping

from services.cli.stage.stage import Stage
from services.cli.stage.verdict import Difference, Person, Reader
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
        reader.person(Side.MA, "contact", each)
        async for each in stage.ma.records("contact")
        if not each["archived"]
    ]
    sfa = [
        reader.person(Side.SFA, of, each)
        for of in ("Lead", "Contact")
        async for each in stage.sfa.records(of)
        if not each["archived"] and not each["fields"].get("IsConverted")
    ]
    return ma, sfa


async def opportunities_differ(stage: Stage, ma: list[Person]) -> list[Difference]:
    """Return where marketing's view of a lead's only opportunity isn't what stands in sales."""
    reader, key = reader_of(stage), stage.settings.sfa.external_id_field
    by_lead: dict[str, list[Mapping[str, object]]] = {}
    async for each in stage.sfa.records("Opportunity"):
        lead_id = str(each["fields"].get(key) or "").partition(":")[0]
        if lead_id and not each["archived"]:
            by_lead.setdefault(lead_id, []).append(each["fields"])
    mapped = {each.name: each for each in stage.settings.sfa_fields.of(Kind.OPPORTUNITY, "Opportunity")}
    found: list[Difference] = []
    for person in ma:
        deals = by_lead.get(person.lead_id or "", [])
        if len(deals) != 1:
            continue
        for told, name in _OF_DEAL.items():
            if told in person.fields and name in mapped:
                theirs = reader.value(mapped[name], deals[0].get(mapped[name].vendor_name))
                if _plain(person.fields[told]) != _plain(theirs):
                    found.append(
                        Difference(
                            person.lead_id or "", told, person.fields[told], theirs, "isn't the opportunity's"
                        )
                    )
    return found


def _plain(value: Scalar) -> Scalar:
    return None if is_blank(value) else value
