"""An administrator takes a right away, or lets a token expire: `tasuki up` stops that line, tells, and goes on when mended."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.cli.stage.quiet import quiet
from services.cli.stage.sandbox_client import Act, SandboxClient
from services.cli.stage.stage import Stage
from services.sync.app import open_letters
from services.sync.application.letters import Letter, LetterState, Wanted
from tests.waiting import PATIENCE_S, wait_until

MOST = 5
LEADS = 30
WAITING = Wanted(states=(LetterState.WAITING,))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Give both sandboxes and `tasuki up`, which stops a line after five refusals."""
    async with Stage(tmp_path, overrides={"sync": {"stop_after_refusals": MOST}}) as one:
        yield one


async def health(stage: Stage, system: str) -> str:
    """Return what health says of *system*; empty while it is well."""
    async with httpx2.AsyncClient(timeout=PATIENCE_S) as http:
        answer: Any = (await http.get(f"{stage.base_url}/health/ready")).json()
    return str(answer["components"][system]["reason"])


async def told(stage: Stage, system: str, *words: str) -> None:
    """Return when health says all of *words* of *system*, and the metric says the first."""

    async def is_told() -> bool:
        said = await health(stage, system)
        return all(each in said for each in words)

    await wait_until(is_told, description=f"{system}: {words}", every_s=0.1)
    label = f'tasuki_vendor_waiting{{reason="{words[0]}",system="{system}"}} 1'
    assert label in await stage.metrics()


async def well(stage: Stage, system: str) -> None:
    """Return when health says nothing of *system* any more."""

    async def is_well() -> bool:
        return not await health(stage, system)

    await wait_until(is_well, description=f"{system} is well", every_s=0.1)


async def letters(stage: Stage, *, replayed: bool = False) -> list[Letter]:
    """Return the letters that wait; replay them if asked."""
    async with open_letters(stage.settings, stage.server.url) as box:
        found = await box.letters(WAITING)
        if replayed:
            handled = await box.replay(found, by="the test")
            assert not handled.left
        return found


async def rest(stage: Stage) -> None:
    """Return when nothing is under way."""
    async with stage.open_books() as books:
        await quiet([stage.ma, stage.sfa], books, within_s=PATIENCE_S)


async def people(sandbox: SandboxClient, of: str, name: str) -> dict[str, Any]:
    """Return the ids of the records of the object *of* by their field *name*."""
    return {each["fields"].get(name): each["id"] async for each in sandbox.records(of)}


async def test_a_right_that_was_taken_away_stops_the_line_and_is_given_back(stage: Stage) -> None:
    """In sales each record is refused, in marketing each call: few letters, none; mended, all goes on by itself."""
    emails = {f"lead-{number}@firm.example" for number in range(LEADS)}
    await stage.sfa.faults({"read_only": True})
    contact = {"lastname": "山田", "company": "A社", "num_conversion_events": "2", "document_downloads": "3"}
    await stage.ma.act(
        [Act(act="create", object="contact", fields=contact | {"email": each}) for each in sorted(emails)]
    )
    await told(stage, "salesforce", "everything-refused", "INSUFFICIENT_ACCESS_OR_READONLY", "tasuki resume")
    assert "line.stopped" in stage.service_log.read_text()
    assert await people(stage.sfa, "Lead", "Email") == {}

    # Given back: the next trial is taken, and all that waited follows; the letters need a replay.
    await stage.sfa.faults({})
    await well(stage, "salesforce")
    await rest(stage)
    found = await letters(stage)
    assert 0 < len(found) <= MOST
    assert len(await people(stage.sfa, "Lead", "Email")) == LEADS - len(found)
    assert await letters(stage, replayed=True) == found
    await rest(stage)
    leads = await people(stage.sfa, "Lead", "Email")
    assert leads.keys() == emails
    assert await letters(stage) == []

    # The same for marketing's tool, which says of the call itself that a scope is missing: not one letter.
    await stage.ma.faults({"read_only": True})
    await stage.sfa.act(
        [
            Act(act="update", object="Lead", id=each, fields={"Phone": "03-1234-5678"})
            for each in leads.values()
        ]
    )
    await told(stage, "hubspot", "permission-missing", "MISSING_SCOPES")
    assert await letters(stage) == []
    await stage.ma.faults({})
    await well(stage, "hubspot")
    await rest(stage)
    assert len([each async for each in _with_phone(stage.ma)]) == LEADS


async def test_expired_credentials_are_not_taken_for_an_outage(stage: Stage) -> None:
    """Each has its own word, in health and in the metric; both pass without a loss."""
    await stage.ma.act(
        [Act(act="create", object="contact", fields={"email": "taro@firm.example", "lastname": "山田"})]
    )
    await rest(stage)
    for number, (fault, word, said) in enumerate(
        (
            ({"revoked": True}, "credentials-refused", "`tasuki check` tells whether it is taken"),
            ({"outage": True}, "unavailable", "see its status page"),
        )
    ):
        await asyncio.gather(stage.ma.faults(fault), stage.sfa.faults(fault))
        contact = {
            "email": f"lead-{number}@firm.example",
            "lastname": "山田",
            "company": "A社",
            "num_conversion_events": "2",
            "document_downloads": "3",
        }
        await stage.ma.act([Act(act="create", object="contact", fields=contact)])
        await told(stage, "hubspot", word, said)
        await stage.ma.faults({})
        await told(stage, "salesforce", word, said)
        await stage.sfa.faults({})
        await well(stage, "salesforce")
        await well(stage, "hubspot")
    await rest(stage)
    assert len(await people(stage.sfa, "Lead", "Email")) == 2
    assert await letters(stage) == []


async def _with_phone(sandbox: SandboxClient) -> AsyncIterator[str]:
    async for each in sandbox.records("contact"):
        if each["fields"].get("phone") == "03-1234-5678":
            yield each["id"]
