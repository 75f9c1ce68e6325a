"""An erasure in HubSpot through the whole service: what is released, what is written no more, who comes later."""

import asyncio
from pathlib import Path

from services.cli.stage.look import people
from services.cli.stage.quiet import quiet
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage
from services.sync.adapters.identity_index import IdentityIndex
from services.sync.application.identify import Identify, Sighting, email_claim
from services.sync.domain.lead import Lead
from services.sync.domain.records import FieldChange, Kind, Observation, RecordRef, Side
from tests.integration.hubspot_world import open_world
from tests.private_store import running_store
from tests.waiting import PATIENCE_S

EMAIL = "hanako@erased.example"
CONTACT, LATER, LEAD = (
    RecordRef("hubspot", "contact", "1"),
    RecordRef("hubspot", "contact", "2"),
    RecordRef("salesforce", "Lead", "00Q1"),
)


def sighting(ref: RecordRef, at: int, **more: str | None) -> Sighting:
    """Return that a person's record was seen with the address."""
    seen = Observation(
        ref=ref,
        kind=Kind.LEAD,
        observed_at=at,
        created_at=at,
        fields=(FieldChange("email", EMAIL, at),),
        external_id=more.get("external_id"),
    )
    return Sighting(seen, at)


async def test_the_address_of_an_erased_lead_is_the_next_ones_and_its_records_stay_its_own() -> None:
    """However often the record that sales still has is edited, its address isn't claimed for it again."""
    async with running_store() as store:
        index = IdentityIndex(store)
        identify = Identify(index)
        (old, same) = (await identify.persons([sighting(CONTACT, 1_000), sighting(LEAD, 1_000)])).owners
        assert old == same
        for _ in range(2):
            await identify.forget([old], {EMAIL}, {CONTACT, LEAD})
        assert (await identify.persons([sighting(LEAD, 2_000), sighting(CONTACT, 2_000)])).owners == [
            old,
            old,
        ]
        assert await index.claimed([email_claim(EMAIL)]) == {}

        (new,) = (await identify.persons([sighting(LATER, 3_000)])).owners
        assert new != old
        assert (await identify.persons([sighting(LEAD, 4_000), sighting(LATER, 4_000)])).owners == [old, new]
        await identify.forget([old], {EMAIL}, ())  # a replay: the address is somebody else's by now
        assert await index.claimed([email_claim(EMAIL)]) == {email_claim(EMAIL): new}


async def test_what_hangs_on_an_erased_person_is_still_theirs() -> None:
    """A deal that goes on is counted; its lead is named without the mark."""
    async with running_store() as store:
        identify = Identify(IdentityIndex(store))
        (old,) = (await identify.persons([sighting(LEAD, 1_000)])).owners
        await identify.forget([old], {EMAIL}, {LEAD})
        deal = Observation(
            ref=RecordRef("salesforce", "Opportunity", "1"),
            kind=Kind.OPPORTUNITY,
            observed_at=2_000,
            created_at=2_000,
            parents=(LEAD,),
        )
        for _ in range(2):
            assert await identify.children([Sighting(deal, 2_000)]) == [old]


async def test_a_privacy_deletion_is_seen_as_an_erasure_and_a_deletion_is_not() -> None:
    """Whether HubSpot still answers for the contact or not; of who was only deleted it tells what was said before."""
    body = '{"subscriptionType": "contact.privacyDeletion", "objectId": %s}'
    async with open_world() as world:
        gone, kept, binned = (world.user("create", fields={"email": f"{n}@x.jp"}) for n in range(3))
        world.user("erase", id=gone)
        world.user("delete", id=binned)
        seen = [
            *await world.see(("contact", gone), body=body % gone),
            *await world.see(("contact", kept), body=body % kept),
            *await world.see(("contact", binned), body='{"subscriptionType": "contact.deletion"}'),
        ]
    said = [[change.value for change in each.fields] for each in seen]
    assert [(each.deleted, each.erased) for each in seen] == [(True, True), (True, True), (True, False)]
    assert said == [[], [], ["2@x.jp"]]


def test_an_erased_person_is_written_nowhere_and_may_come_back_as_a_stranger(tmp_path: Path) -> None:
    """Sales' edits don't travel any more; who enters the same address later is a new lead."""
    between, leads = asyncio.run(_play(tmp_path))
    assert between == []
    gone, fresh = sorted(leads, key=lambda each: each.erased_at, reverse=True)
    assert (gone.erased_at > 0, gone.fields.get("phone"), gone.fields.get("email")) == (True, None, None)
    assert (fresh.erased_at, fresh.seen("email", Side.MA).there) == (0, EMAIL)
    assert fresh.id != gone.id
    assert fresh.person(Side.SFA) == gone.person(Side.SFA)  # found by the address, as sales still has it


async def _play(folder: Path) -> tuple[list[str], list[Lead]]:
    """Enter, hand over, erase, edit in sales, enter again; return marketing's contacts between, and the leads."""
    fields = {"email": EMAIL, "lastname": "佐藤", "company": "花子商店", "document_downloads": "3"}
    enter = Act(act="create", object="contact", fields={**fields, "num_conversion_events": "2"})
    async with Stage(folder) as stage, stage.open_books() as books:
        both = [stage.ma, stage.sfa]
        await stage.ma.act([enter])
        await quiet(both, books, within_s=PATIENCE_S)
        (contact,), (lead,) = await people(stage)
        await stage.ma.act([Act(act="erase", object="contact", id=contact.id)])
        await quiet(both, books, within_s=PATIENCE_S)
        await stage.sfa.act([Act(act="update", object="Lead", id=lead.id, fields={"Phone": "03-0000-0000"})])
        await quiet(both, books, within_s=PATIENCE_S)
        between = [each.id for each in (await people(stage))[0]]
        await stage.ma.act([enter])
        await quiet(both, books, within_s=PATIENCE_S)
        return between, [each async for each in books.leads()]
