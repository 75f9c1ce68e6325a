"""Two leads that a tool's users merge are one lead from then on: over both sandboxes and the whole service."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from services.cli.stage.books import Books
from services.cli.stage.look import people
from services.cli.stage.quiet import quiet
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage
from services.sync.app import open_timeline
from services.sync.domain.lead import Lead
from services.sync.domain.records import Side
from tests.waiting import PATIENCE_S

ONE, TWO = "taro@merge.example", "taro.sato@merge.example"


class Firm:
    """Both tools and the service's books; everything is at quiet after each step."""

    def __init__(self, stage: Stage, books: Books) -> None:
        self.stage, self.books = stage, books

    async def marketing(self, *acts: Act) -> None:
        """Marketing's people do *acts*."""
        await self.stage.ma.act(acts)
        await self.quiet()

    async def sales(self, *acts: Act) -> None:
        """Sales' people do *acts*."""
        await self.stage.sfa.act(acts)
        await self.quiet()

    async def quiet(self) -> None:
        """Return when nothing is under way."""
        await quiet([self.stage.ma, self.stage.sfa], self.books, within_s=PATIENCE_S)

    async def leads(self) -> list[Lead]:
        """Return the leads, the one heard of first first."""
        return sorted([each async for each in self.books.leads()], key=lambda each: each.id)

    async def timeline(self, lead_or_email: str) -> dict[str, object]:
        """Return what `tasuki lead` tells."""
        async with open_timeline(self.stage.settings, self.stage.server.url) as timeline:
            found = await timeline.of(lead_or_email)
        assert found is not None
        return found


Play: TypeAlias = Callable[[Firm], Awaitable[None]]


def play(folder: Path, story: Play) -> None:
    """Let *story* happen."""

    async def run() -> None:
        async with Stage(folder) as stage, stage.open_books() as books:
            await story(Firm(stage, books))

    asyncio.run(run())


def contact(email: str, **fields: str | int) -> Act:
    """Return the act of entering a contact that qualifies at once."""
    return Act(
        act="create",
        object="contact",
        key=email,
        fields={"email": email, "lastname": "佐藤", "company": "統合商事", **fields},
    )


HOT = {"document_downloads": "3", "num_conversion_events": "2"}


def test_a_merge_in_marketing_makes_one_lead_of_two(tmp_path: Path) -> None:
    """Its id is that of the lead heard of first; the other id, and later edits of either record, find it."""
    play(tmp_path, _merged_in_marketing)


async def _merged_in_marketing(firm: Firm) -> None:
    await firm.marketing(contact(ONE, **HOT))
    await firm.marketing(contact(TWO, phone="03-1111-1111"))
    one, two = await firm.leads()
    merge = Act(act="merge", object="contact", key=TWO, other={"object": "contact", "key": ONE})
    await firm.marketing(
        merge
    )  # the later lead's contact is the primary: which lead stays doesn't hang on it

    (lead,) = await firm.leads()
    assert (lead.id, list(lead.taken_over)) == (one.id, [two.id])
    assert lead.seen("phone", Side.MA).there == "+81311111111"
    ((there,), (sales,)) = await people(firm.stage)
    assert lead.person(Side.MA) is not None
    assert str(lead.person(Side.MA)).endswith(f":{there.id}")
    assert [each for each in lead.told.milestones if each[1] == "mql"] == [(1, "mql")]

    await firm.marketing(Act(act="update", object="contact", id=there.id, fields={"jobtitle": "部長"}))
    await firm.sales(Act(act="update", object="Lead", id=sales.id, fields={"Phone": "03-2222-2222"}))
    (lead,) = await firm.leads()
    assert lead.seen("job_title", Side.MA).there == lead.seen("job_title", Side.SFA).there == "部長"
    assert lead.seen("phone", Side.MA).there == "+81322222222"
    for asked in (one.id, two.id, ONE, TWO):
        told = await firm.timeline(asked)
        assert (told["lead_id"], told["merged"]) == (one.id, [two.id])


def test_a_merge_in_sales_makes_one_lead_of_two(tmp_path: Path) -> None:
    """The stream tells a deletion only; the value that sales chose to keep reaches marketing though it is older."""
    play(tmp_path, _merged_in_sales)


async def _merged_in_sales(firm: Firm) -> None:
    await firm.marketing(contact(ONE, **HOT, phone="03-1111-1111"), contact(TWO, **HOT, phone="03-2222-2222"))
    one, two = await firm.leads()
    kept, lost = (str(each.person(Side.SFA)).rpartition(":")[2] for each in (one, two))
    await firm.sales(Act(act="update", object="Lead", id=lost, fields={"Phone": "03-9999-9999"}))
    await firm.sales(Act(act="merge", object="Lead", id=kept, other={"object": "Lead", "id": lost}))

    (lead,) = await firm.leads()
    phone = one.seen("phone", Side.SFA).there
    assert (lead.id, list(lead.taken_over)) == (one.id, [two.id])
    assert str(lead.person(Side.SFA)) == f"salesforce:Lead:{kept}"
    assert lead.seen("phone", Side.SFA).there == lead.seen("phone", Side.MA).there == phone
    told = await firm.timeline(two.id)
    standing, surplus = sorted(str(each) for lead in (one, two) if (each := lead.person(Side.MA)))
    assert (told["links"], told["duplicates"]) == (
        {"ma": standing, "sfa": f"salesforce:Lead:{kept}"},
        {"ma": [surplus]},
    )


def test_merges_on_both_sides_at_once_in_opposite_directions_are_one(tmp_path: Path) -> None:
    """Marketing keeps the one contact, sales the other's record; the service is killed twice meanwhile."""
    play(tmp_path, _crossed)


async def _crossed(firm: Firm) -> None:
    third = "jiro@merge.example"
    await firm.marketing(contact(ONE, **HOT), contact(TWO, **HOT), contact(third, **HOT))
    leads = await firm.leads()
    sales = [str(each.person(Side.SFA)).rpartition(":")[2] for each in leads]
    ours = [str(each.person(Side.MA)).rpartition(":")[2] for each in leads]
    merges = [("contact", ours[0], ours[2]), ("Lead", sales[1], sales[0]), ("Lead", sales[2], sales[1])]
    await asyncio.gather(
        *(
            (firm.stage.ma if of == "contact" else firm.stage.sfa).act(
                [Act(act="merge", object=of, id=kept, other={"object": of, "id": lost})]
            )
            for of, kept, lost in merges
        )
    )
    for _ in range(2):
        await firm.stage.kill_service()
        await firm.stage.ready()
    await firm.quiet()

    (lead,) = await firm.leads()
    assert (lead.id, sorted(lead.taken_over)) == (leads[0].id, [each.id for each in leads[1:]])
    assert str(lead.person(Side.SFA)) == f"salesforce:Lead:{sales[2]}"


def test_addresses_that_change_hands_make_nobody_somebody_else(tmp_path: Path) -> None:
    """One is given up and then entered by a stranger; two people swap theirs, each through a third for a moment."""
    play(tmp_path, _moving_addresses)


async def _moving_addresses(firm: Firm) -> None:
    freed, later = "info@merge.example", "jiro@merge.example"
    await firm.marketing(contact(freed, **HOT))
    (first,) = await firm.leads()
    await firm.marketing(Act(act="update", object="contact", key=freed, fields={"email": ONE}))
    await firm.marketing(replace(contact(freed, **HOT), key=later))
    before = {each.id: each for each in await firm.leads()}
    assert {str(each.seen("email", Side.SFA).there) for each in before.values()} == {ONE, freed}
    assert before[first.id].seen("email", Side.SFA).there == ONE

    steps = ((freed, "meanwhile@merge.example"), (later, ONE), (freed, freed))
    await firm.marketing(
        *(Act(act="update", object="contact", key=key, fields={"email": email}) for key, email in steps)
    )
    for lead in await firm.leads():
        held = {str(lead.seen("email", side).there) for side in Side}
        assert held == {freed if lead.id == first.id else ONE}
        assert (await firm.timeline(*held))["lead_id"] == lead.id
        assert [lead.duplicates(side) for side in Side] == [[], []]
    assert len(before) == 2
