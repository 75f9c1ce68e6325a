"""Two versions of tasuki beside each other: their commit functions, and what each reads of the other's state."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.kpi.adapters import lead_codec
from services.kpi.app.service import build
from services.runtime import lifecycle
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.lifecycle import ExitCode
from services.runtime.operations import Operations
from services.runtime.packing import pack, unpack
from services.runtime.store import Store
from services.runtime.store_start import COMMIT, CommitFunction
from services.runtime.stored_format import StoredOtherwise
from services.runtime.valkey_server import EmbeddedServer
from tests.fakes.memory_log import MemoryLog
from tests.integration.kpi_app_world import KpiApp, kpi_app, kpi_settings, tell, topics
from tests.kpi_facts import Teller
from tests.private_store import StoreServer, fresh_shard, running_store
from tests.toy_shards import Sums, amounts, make_topics, mechanism, offset_of, totals, until, working
from tests.waiting import wait_until

NEWER = CommitFunction.of(
    (Path(lead_codec.__file__).parents[2] / "runtime/commit.lua").read_text() + "\n-- newer\n"
)


async def test_workers_of_two_versions_share_the_shards_for_a_while() -> None:
    """Each calls its own function, a shard goes from one to the other and back, and every amount counts once."""
    server, log = StoreServer(), MemoryLog()
    service, sent = fresh_shard().service, 0
    await make_topics(log)
    try:
        async with running_store(server.url) as old, running_store(server.url, function=NEWER) as new:
            shard = ShardId(service, "amounts.v1", 0)
            for store in (old, new, old, new):
                async with working(service, Sums(), mechanism(store, log)):
                    await log.append(amounts(*[("a", 1)] * 50))
                    sent += 50
                    await until(lambda store=store, sent=sent: _stands(store, shard, sent - 1))
            assert await totals(old, shard) == {"a": sent}
            assert await _libraries(old) == {COMMIT.library, NEWER.library}
    finally:
        server.stop()


async def test_an_older_version_that_starts_again_leaves_the_newer_ones_function() -> None:
    """A restart in the middle of an upgrade takes nothing from who is upgraded already."""
    server = StoreServer()
    try:
        async with running_store(server.url, function=NEWER) as new:
            async with running_store(server.url):
                pass
            shard = fresh_shard()
            reply = await new.commit(shard, await new.open(shard, now=5), 1, Operations())
            assert reply.outcome.value == "committed"
            assert await _libraries(new) == {COMMIT.library, NEWER.library}
    finally:
        server.stop()


@pytest.mark.parametrize(("form", "mend"), [(99, "a newer tasuki wrote it"), (0, "an older tasuki wrote it")])
def test_a_lead_of_another_version_is_refused_with_the_mend(form: int, mend: str) -> None:
    """Its bytes aren't guessed at."""
    with pytest.raises(StoredOtherwise, match=mend):
        lead_codec.decode("L", pack([form]))


async def test_an_older_version_ends_at_what_a_newer_one_stored(tmp_path: Path) -> None:
    """It says so and which versions, with the exit code that asks for a person, and changes nothing."""
    settings, teller = kpi_settings(tmp_path), Teller()
    async with EmbeddedServer(tmp_path / "store") as server, topics(server.url) as log:
        async with kpi_app(settings, server.url) as app, running_store(server.url) as store:
            await tell(log, [teller.reached("l", "mql", now_ms())])
            await wait_until(lambda: _counted(app), description="the lead is counted")
            (key,) = [name async for name in store.client.scan_iter(match="{kpi:*}lead:l")]
        async with running_store(server.url) as store:
            parts: list[Any] = unpack(await store.client.get(key))
            written = pack([lead_codec.FORMAT + 1, *parts[1:]])
            await store.client.set(key, written)
            older = build(settings, embedded_url=server.url)
            await tell(log, [teller.reached("l", "first_response", now_ms())])

            with capture_logs() as logs:
                assert await lifecycle.run(older.components, until=asyncio.Event()) is ExitCode.MISCONFIGURED

            assert [each for each in logs if "StoredOtherwise" in repr(each)]
            assert await store.client.get(key) == written


async def _counted(app: KpiApp) -> bool:
    return (await app.figure("mqls")) == 1


async def _stands(store: Store, shard: ShardId, offset: int) -> bool:
    return await offset_of(store, shard) == offset


async def _libraries(store: Store) -> set[str]:
    listed = await store.client.execute_command("FUNCTION", "LIST", "LIBRARYNAME", "tasuki_*")
    return {each[1].decode() for each in listed}
