"""An erasure reaches every topic: afterwards nobody can read who the person was, and what was counted stands."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from services.cli.stage.books import Books
from services.cli.stage.look import people
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage
from services.kpi.adapters.recount import Key, Value
from services.sync.domain.lead import NEVER, Lead
from tests.integration.erasing_world import (
    PERSONAL,
    figures,
    inner_of,
    live,
    rebuilt,
    settle,
    stored_in,
    told_in,
)


@dataclass
class Seen:
    """What was found before and after the erasure."""

    told_before: set[str] = field(default_factory=set[str])
    raw_before: set[str] = field(default_factory=set[str])
    told_after: set[str] = field(default_factory=set[str])
    stored_after: set[str] = field(default_factory=set[str])
    figures_before: Mapping[Key, Value] = field(default_factory=dict[Key, Value])
    figures_after: Mapping[Key, Value] = field(default_factory=dict[Key, Value])
    leads: list[Lead] = field(default_factory=list[Lead])
    rebuilt: list[Lead] = field(default_factory=list[Lead])


@pytest.mark.parametrize("kills", [0, 3])
def test_nothing_personal_of_an_erased_person_can_be_read_and_all_counts_stay(
    tmp_path: Path, kills: int
) -> None:
    """Through the log or in the store, in any topic or key, though the service is killed meanwhile."""
    seen = asyncio.run(_play(tmp_path, kills))
    assert {each.rpartition(": ")[2] for each in seen.told_before} == set(
        PERSONAL
    )  # the look sees what is there
    assert seen.raw_before == set()
    assert seen.told_after == seen.stored_after == set()
    assert seen.figures_after == seen.figures_before
    (lead,) = seen.leads
    assert lead.erased_at != NEVER
    assert {milestone.value for _, milestone in lead.told.milestones} >= {"lead", "mql", "first_response"}
    assert seen.rebuilt == [lead]


async def _play(folder: Path, kills: int) -> Seen:
    seen = Seen()
    async with Stage(folder) as stage, stage.open_books() as books:
        contact, lead = await live(stage, books)
        seen.told_before = set(await told_in(books.log))
        seen.raw_before = set(await told_in(inner_of(books)))
        seen.figures_before = await figures(stage, books)
        await _erase(stage, books, contact, kills)
        edit = {"Phone": "03-9182-7364", "Company": "Otsukiyama Shoten"}
        await stage.sfa.act([Act(act="update", object="Lead", id=lead, fields=edit)])
        await settle(stage, books)
        seen.told_after = set(await told_in(books.log)) | set(await told_in(inner_of(books)))
        seen.stored_after = set(await stored_in(books))
        seen.figures_after = await figures(stage, books)
        seen.leads = [each async for each in books.leads()]
        seen.rebuilt = [await rebuilt(stage, books, each.id) for each in seen.leads]
        assert [each.id for each in (await people(stage))[1]] == [lead]
    return seen


async def _erase(stage: Stage, books: Books, contact: str, kills: int) -> None:
    """Erase in marketing; kill the service *kills* times while it takes that in."""
    await stage.ma.act([Act(act="erase", object="contact", id=contact)])
    for number in range(kills):
        await asyncio.sleep(0.3 * number)  # wherever it is by then
        await stage.kill_service()
        await stage.ready()
    await settle(stage, books)
