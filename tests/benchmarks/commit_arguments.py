"""
What a commit costs, and how its operations best travel: one MessagePack argument, or plain arguments.

Both variants run the same checks and the same operations, in turns on one server; `commit.lua` is changed for
the plain one only where it takes its operations from. Prints medians over the rounds.

Run: python -m tests.benchmarks.commit_arguments [rounds]
"""

import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

from services.runtime.keys import ShardId
from services.runtime.ledger import Ledger
from services.runtime.operations import Operations
from services.runtime.packing import pack
from services.runtime.store import Store
from services.runtime.store_start import COMMIT
from tests.private_store import StoreServer, fresh_shard, running_store

EVENTS = 500
COMMITS = 30
PLAIN = COMMIT.name + "_plain"
_FLAT = """
local function flat(args)
  local operations, at = {}, 5
  while args[at] do
    local operation = {args[at], tonumber(args[at + 1])}
    local count = tonumber(args[at + 2])
    for i = 1, count do operation[i + 2] = args[at + 2 + i] end
    operations[#operations + 1] = operation
    at = at + 3 + count
  end
  return operations
end

local function commit("""


def plain_code() -> str:
    """Return `commit.lua` with plain arguments, under another name."""
    code = COMMIT.code
    for old, new in (
        (f"name={COMMIT.library}\n", f"name={COMMIT.library}_plain\n"),
        ("\nlocal function commit(", _FLAT),
        ("cmsgpack.unpack(args[5])", "flat(args)"),
        (f"'{COMMIT.name}'", f"'{PLAIN}'"),
    ):
        if code.count(old) != 1:
            raise AssertionError(f"commit.lua has changed: {old!r}")
        code = code.replace(old, new)
    return code


def counters(shard: ShardId, *, joined: bool) -> list[list[Any]]:
    """Return about what 500 events of 12 counters come down to: 1,450 fields of 48 hashes."""
    chance = random.Random(1)
    picked = chance.sample([(key, field) for key in range(48) for field in range(60)], 1450)
    if not joined:
        return [["HINCRBY", shard.key(f"b{key}"), f"f{field}", 3] for key, field in picked]
    operations: dict[str, list[Any]] = {}
    for key, field in picked:
        operations.setdefault(shard.key(f"b{key}"), ["HINCRBY", shard.key(f"b{key}")]).extend(
            [f"f{field}", 3]
        )
    return list(operations.values())


def leads(shard: ShardId) -> list[list[Any]]:
    """Return 500 values of 600 bytes."""
    return [["SET", shard.key(f"lead:{number}"), os.urandom(600)] for number in range(EVENTS)]


def as_packed(operations: list[list[Any]]) -> tuple[list[str], list[Any]]:
    """Return keys and arguments of the MessagePack variant."""
    keys = {operation[1]: at for at, operation in enumerate(operations)}
    indexes = {key: at + 2 for at, key in enumerate(keys)}
    indexed = [[name, indexes[key], *rest] for name, key, *rest in operations]
    return list(keys), [pack(indexed, use_bin_type=False)]


def as_plain(operations: list[list[Any]]) -> tuple[list[str], list[Any]]:
    """Return keys and arguments of the plain variant."""
    indexes: dict[str, int] = {}
    arguments: list[Any] = []
    for name, key, *rest in operations:
        index = indexes.setdefault(key, len(indexes) + 2)
        arguments += [name, index, len(rest), *rest]
    return list(indexes), arguments


async def measure(
    store: Store,
    function: str,
    encode: Callable[[Any], tuple[list[str], list[Any]]],
    build: Callable[[ShardId], Any],
) -> tuple[float, float]:
    """Return events a second and microseconds in the server a commit, for one round on a new shard."""
    shard = fresh_shard()
    base: Ledger = await store.open(shard, now=1)
    operations = build(shard)
    await store.client.config_resetstat()
    began = time.perf_counter()
    for number in range(COMMITS):
        keys, arguments = encode(operations)
        ledger = (base.epoch, number - 1, number, number)
        reply = await store.client.execute_command(
            "FCALL", function, len(keys) + 1, shard.ledger_key, *keys, *ledger, *arguments
        )
        if reply[0] != b"committed":
            raise AssertionError(reply)
    took = time.perf_counter() - began
    server: float = (await store.client.info("commandstats"))["cmdstat_fcall"]["usec_per_call"]
    await store.client.flushdb()
    return EVENTS * COMMITS / took, server


async def through_store(store: Store, joined_build: Callable[[ShardId], Any]) -> tuple[float, float]:
    """Return the same through `Operations` and `Store.commit`, building included."""
    shard = fresh_shard()
    ledger = await store.open(shard, now=1)
    template = joined_build(shard)
    await store.client.config_resetstat()
    began = time.perf_counter()
    for _ in range(COMMITS):
        operations = Operations()
        for name, key, *rest in template:
            if name == "SET":
                operations.set(key, rest[0])
            else:
                operations.hincrby(key, dict(zip(rest[::2], rest[1::2], strict=True)))
        ledger = (await store.commit(shard, ledger, ledger.offset + EVENTS, operations)).ledger
    took = time.perf_counter() - began
    server: float = (await store.client.info("commandstats"))["cmdstat_fcall"]["usec_per_call"]
    await store.client.flushdb()
    return EVENTS * COMMITS / took, server


async def main(rounds: int) -> None:
    """Measure in turns and print a table."""
    loads: dict[str, Callable[[ShardId], Any]] = {
        "1,450 HINCRBY, one field each": lambda shard: counters(shard, joined=False),
        "1,450 fields in 48 HINCRBY": lambda shard: counters(shard, joined=True),
        "500 SET of 600 bytes": leads,
    }
    server = StoreServer()
    try:
        async with running_store(server.url) as store:
            await store.client.execute_command("FUNCTION", "LOAD", "REPLACE", plain_code())
            for name, build in loads.items():
                found: dict[str, list[tuple[float, float]]] = {"MessagePack": [], "plain": [], "Store": []}
                for _ in range(rounds):
                    found["MessagePack"].append(await measure(store, COMMIT.name, as_packed, build))
                    found["plain"].append(await measure(store, PLAIN, as_plain, build))
                    found["Store"].append(await through_store(store, build))
                for variant, figures in found.items():
                    speed, micros = (statistics.median(column) for column in zip(*figures, strict=True))
                    print(
                        f"{name:32} {variant:12} {speed:9,.0f} events/s {micros:8,.0f} us in the server a commit"
                    )
    finally:
        server.stop()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 15))
