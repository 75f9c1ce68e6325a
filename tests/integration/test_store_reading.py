"""Reading a shard from the store: as of one instant, and by the names in it."""

import asyncio

from services.runtime.endings import ended
from services.runtime.operations import Operations
from services.runtime.store import Store
from tests.private_store import fresh_shard, running_store

FAR = 4_000
"""So many commands between two reads that the server doesn't get them in one piece."""


async def test_a_snapshot_is_of_one_instant() -> None:
    """No commit comes between the first and the last command of a snapshot."""
    shard = fresh_shard()
    async with running_store() as store, running_store() as other:
        ledger = await store.open(shard, now=1)

        async def commit_on() -> None:
            held = ledger
            for number in range(10**6):
                operations = Operations().set(shard.key("a"), number).set(shard.key("z"), number)
                held = (await other.commit(shard, held, held.offset, operations)).ledger

        committing = asyncio.create_task(commit_on())
        seen: set[bytes] = set()
        try:
            while len(seen) < 8:
                first, *_, last = await store.snapshot(
                    [("GET", shard.key("a")), *[("GET", shard.key("b" * 100))] * FAR, ("GET", shard.key("z"))]
                )
                assert first == last
                seen |= {first} - {None}
        finally:
            await ended(committing)
        assert await store.snapshot([]) == []


async def test_names_are_those_of_one_shard() -> None:
    """Each name with the prefix is found, none of another shard, whatever signs are in it."""
    shard, neighbour = fresh_shard(), fresh_shard(1)
    async with running_store() as store:
        for each in (shard, neighbour):
            await _put(store, each.key("lead:1"), each.key("lead:[x]*?"), each.key("n:1"))

        assert {name async for name in store.names(shard, "lead:")} == {"lead:1", "lead:[x]*?"}
        assert [name async for name in store.names(shard, "lead:[")] == ["lead:[x]*?"]


async def _put(store: Store, *keys: str) -> None:
    await store.write_apart([("SET", key, "1") for key in keys])
