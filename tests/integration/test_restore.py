"""What docs/operations.md says of backups, carried out: leads, counters and both tools are as they were."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.restore_world import Firm, firm
from tests.waiting import wait_until


async def work_of_yesterday(one: Firm) -> None:
    """Two leads are handed over."""
    for number in (1, 2):
        await one.contact(number)
    await one.rest()


async def work_of_today(one: Firm) -> None:
    """A third one is, and sales finds the first one worth an opportunity."""
    await one.contact(3)
    await one.qualify(1)
    await one.rest()


@pytest.mark.timeout(120)
async def test_yesterdays_store_and_the_whole_log_give_the_same_state(tmp_path: Path) -> None:
    """The older store catches up by reading the log: nobody is made twice, nothing is counted twice, the work goes on."""
    async with firm(tmp_path, apart=True) as one:
        async with one.at_work():
            await work_of_yesterday(one)
            one.back_up_running(tmp_path / "yesterday")
            await work_of_today(one)
            leads, counters, vendors = await one.leads(), await one.counters(), await one.vendors()
        assert (len(vendors["Lead"]), len(vendors["Opportunity"])) == (3, 1)
        assert await one.unread() == 0

        await one.restore(tmp_path / "yesterday")
        assert await one.unread() > 0
        assert await one.leads() not in {leads, b""}

        async with one.at_work():
            await one.rest()
            assert await one.leads() == leads
            assert await one.vendors() == vendors
            assert await one.counters() == counters
            await one.contact(4)
            await one.rest()
            assert len((await one.vendors())["Lead"]) == 4


@pytest.mark.timeout(120)
async def test_a_store_that_is_lost_is_built_anew_from_the_log(tmp_path: Path) -> None:
    """All leads are there again, and neither tool has noticed; only promises begin anew."""
    async with firm(tmp_path, apart=True) as one:
        async with one.at_work():
            await work_of_yesterday(one)
            await work_of_today(one)
            leads, vendors = await one.leads(), await one.vendors()

        (tmp_path / "nothing").mkdir()
        await one.restore(tmp_path / "nothing")
        assert await one.leads() == b""

        async with one.at_work():
            await one.rest()
            assert await one.leads() == leads
            assert await one.vendors() == vendors


def what_holds(leads: bytes) -> list[dict[str, Any]]:
    """Return of an export's *leads* what holds now, without when it came about or who did what for it."""
    return [
        {
            **{name: each[name] for name in ("lead", "score", "stage", "stands", "refused")},
            "reached": sorted(each["milestones"]),
            "deals": [deal["fields"] for deal in each["opportunities"]],
            "fields": {
                name: {side: held["there"] for side, held in sides.items()}
                for name, sides in each["fields"].items()
            },
        }
        for each in map(json.loads, leads.splitlines())
    ]


@pytest.mark.timeout(120)
async def test_yesterdays_folder_of_one_machine_catches_up_with_both_tools(tmp_path: Path) -> None:
    """
    Log and store are both of yesterday: what both tools know of today comes back by the stream and by a sweep.

    What was written today may be written once more, with the same values, or count as said there; and a sweep knows
    times less exactly than a stream or a webhook.
    """
    async with firm(tmp_path, apart=False) as one:
        async with one.at_work():
            await work_of_yesterday(one)
            yesterday = await one.leads()
        await one.back_up_stopped(tmp_path / "yesterday")
        async with one.at_work():
            await work_of_today(one)
            leads, vendors = await one.leads(), await one.vendors(modified=False)

        await one.restore(tmp_path / "yesterday")
        assert await one.leads() == yesterday != leads

        async with one.at_work():
            await one.sweep()

            async def caught_up() -> bool:
                return what_holds(await one.leads()) == what_holds(leads)

            await wait_until(caught_up, within_s=40, description="today is known again", every_s=0.2)
            await one.rest()
            assert what_holds(await one.leads()) == what_holds(leads)
            assert await one.vendors(modified=False) == vendors
