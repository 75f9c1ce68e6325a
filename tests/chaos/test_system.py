"""The whole system while things go wrong, in short; the long form is `python -m tests.chaos`."""

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from schemas.topics import ALERTS
from services.configuration.parts import topic_specs
from services.runtime.log.port import ID_HEADER, PRODUCER_HEADER, Record
from tests.chaos import topics_read
from tests.chaos.faults import WEIGHTS, plan
from tests.chaos.proxy import Proxy
from tests.chaos.run import Order, run
from tests.chaos.system import BROKER_FAULTS
from tests.fakes.memory_log import MemoryLog


@pytest.mark.timeout(240)
async def test_what_people_did_stands_everywhere_once_whatever_went_wrong(tmp_path: Path) -> None:
    """A sync and a kpi, killed and cut off their store; both tools, topics, figures and alerts agree."""
    pytest.importorskip("duckdb", reason="the recount needs DuckDB, an extra")
    order = Order(
        folder=tmp_path,
        seed=4,
        faults=3,
        pause_s=1.5,
        calm_s=3,
        only=("kill", "lose-answers"),
        services=("sync", "kpi"),
    )

    report = await run(order, print)

    assert report.is_sound, str(report)
    looked_at = {row.what: row.looked_at for row in report.rows}
    assert looked_at["people on both sides"] > 0
    assert looked_at["figures, counted a second time"] > 1_000


@pytest.mark.timeout(240)
async def test_a_build_without_the_ledgers_check_is_found_out(tmp_path: Path) -> None:
    """Commits whose answers get lost are applied again there: what they count is counted twice."""
    pytest.importorskip("duckdb", reason="the recount needs DuckDB, an extra")
    order = Order(
        folder=tmp_path,
        seed=4,
        faults=12,
        pause_s=0.8,
        calm_s=1,
        only=("lose-answers",),
        services=("sync", "kpi"),
        sabotage="ledger",
    )

    report = await run(order, print)

    assert not report.is_sound
    assert "figures, counted a second time" in {row.what for row in report.rows if row.wrong}, str(report)


def test_a_seed_draws_the_same_faults_again() -> None:
    """And with enough of them every kind; another seed draws others."""
    members = ("sync-1", "kpi-1")
    drawn = plan(7, 200, members)
    assert drawn == plan(7, 200, members)
    assert drawn != plan(8, 200, members)
    assert {each.kind for each in drawn} == WEIGHTS.keys()
    cant = set(BROKER_FAULTS)
    assert {each.kind for each in plan(7, 200, members, cant=cant)} == WEIGHTS.keys() - cant


async def test_an_event_that_stands_twice_is_found() -> None:
    """By its producer and id within a partition; records without them aren't events of ours."""
    log = MemoryLog(asked=True)
    await log.ensure_topics(topic_specs(1))
    told = Record(ALERTS.name, "lead", b"{}", {PRODUCER_HEADER: "kpi:t:0", ID_HEADER: "1-0"})
    await log.append([told, told, Record(ALERTS.name, "lead", b"{}"), Record(ALERTS.name, "lead", b"{}")])
    assert await topics_read.doubled(log) == {ALERTS.name: 1}


async def test_the_proxy_loses_an_answer_after_the_deed() -> None:
    """What was asked is done, the asker's connection breaks; the next one works; a partition holds everything back."""
    done = Counter[bytes]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                done[line] += 1
                writer.write(b"done\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with Proxy([server.sockets[0].getsockname()[1]]).listening() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"first\n")
        assert await reader.readline() == b"done\n"
        assert proxy.lose_answers() == 1
        writer.write(b"second\n")
        with pytest.raises(ConnectionResetError):
            await reader.readline()
        writer.close()
        assert done[b"second\n"] == 1

        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        proxy.partition()
        writer.write(b"third\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readline(), 0.2)
        proxy.heal()
        assert await reader.readline() == b"done\n"
        writer.close()
    server.close()
