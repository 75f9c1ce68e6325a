"""A lead that sales converts while tasuki writes to it: before, between and after the requests of the write."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from services.sync.adapters.salesforce.connector import SalesforceConnector
from services.sync.adapters.salesforce.sandbox import SalesforceSandbox
from services.sync.application.quota import Ticket, Ungoverned
from services.sync.domain.records import Confirmed, Kind, RecordRef, Write
from tests.integration.salesforce_world import FIELDS, World, a_lead, lead_id

MOST_REQUESTS = 5


class Interrupting(Ungoverned):
    """Lets something happen just before one of the requests."""

    def __init__(self) -> None:
        self.left = -1
        self.happen: Callable[[], Awaitable[object]] | None = None

    async def take(self, limits: tuple[str, ...]) -> Ticket:
        """See `CallMeter.take`."""
        if self.left == 0:
            await self.finish()
        self.left -= 1
        return await super().take(limits)

    async def finish(self) -> None:
        """Let it happen, if it hasn't yet."""
        happen, self.happen = self.happen, None
        if happen is not None:
            await happen()


@asynccontextmanager
async def interrupted(request: int) -> AsyncGenerator[tuple[World, RecordRef, Interrupting]]:
    """Give a world with a lead that is converted before the *request*-th of the requests to come, from 0."""
    meter = Interrupting()
    async with SalesforceSandbox() as sandbox:
        connector = SalesforceConnector(sandbox.account(), FIELDS, quota=meter)
        await connector.start()
        world = World(sandbox, connector)
        try:
            (made,) = await connector.write([a_lead(score=1)])
            assert isinstance(made, Confirmed)
            meter.happen = lambda: world.act("convert", "Lead", id=made.ref.id)
            meter.left = request
            yield world, made.ref, meter
        finally:
            await world.http.aclose()
            await connector.close()


@pytest.mark.parametrize("request_", range(MOST_REQUESTS + 1))
@pytest.mark.parametrize("known", [True, False], ids=["known", "to-be-found"])
async def test_what_is_written_stands_on_the_contact(request_: int, *, known: bool) -> None:
    """Written before, it is copied; written after, it is written to the contact; nothing is made twice."""
    async with interrupted(request_) as (world, ref, meter):
        write = a_lead(ref=ref, score=9) if known else a_lead(score=9)
        (result,) = await world.connector.write([write])
        await meter.finish()
        (contact,) = world.rows("Contact")
        assert isinstance(result, Confirmed)
        assert contact["Tasuki_Score__c"] == 9.0
        assert [len(world.rows(of)) for of in ("Account", "Lead", "Opportunity")] == [1, 1, 1]
        (again,) = await world.connector.write([write])
        assert again == Confirmed(ref=RecordRef("salesforce", "Contact", contact["Id"]))


@pytest.mark.parametrize("request_", range(MOST_REQUESTS + 1))
async def test_the_task_of_a_handoff_hangs_on_the_contact(request_: int) -> None:
    """One task, whenever the lead is converted."""
    async with interrupted(request_) as (world, ref, meter):
        write = Write(
            lead_id=lead_id(), slot="task:1", kind=Kind.ACTIVITY, fields={"subject": "x"}, parent=ref
        )
        for _ in range(2):
            (result,) = await world.connector.write([write])
            assert isinstance(result, Confirmed)
        await meter.finish()
        (task,) = world.rows("Task")
        (contact,) = world.rows("Contact")
        assert task["WhoId"] in {ref.id, contact["Id"]}
        assert request_ or task["WhoId"] == contact["Id"]


@pytest.mark.parametrize("request_", range(MOST_REQUESTS + 1))
async def test_our_opportunity_stands_with_the_contact_that_is_there_by_then(request_: int) -> None:
    """Sales' own of the conversion beside it; one account, and what we made isn't made again."""
    async with interrupted(request_) as (world, ref, meter):
        fields = {"name": "例 案件", "stage": "Prospecting", "close_on": "2026-12-31"}
        write = Write(
            lead_id=lead_id(), slot="opportunity:1", kind=Kind.OPPORTUNITY, fields=fields, parent=ref
        )
        for _ in range(2):
            (result,) = await world.connector.write([write])
            assert isinstance(result, Confirmed)
        await meter.finish()
        (contact,) = world.rows("Contact")
        ours = [each for each in world.rows("Opportunity") if each.get("Tasuki_Id__c") == f"{lead_id()}:1"]
        assert (len(ours), len(world.rows("Account"))) == (1, 1)
        if request_ == 0:
            assert (ours[0]["ContactId"], ours[0]["AccountId"]) == (contact["Id"], contact["AccountId"])
