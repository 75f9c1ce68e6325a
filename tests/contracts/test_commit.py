"""What `commit.lua` promises, asked of a real server: all or nothing, once, and only by the owner."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from redis.asyncio import UnixDomainSocketConnection
from redis.exceptions import ResponseError

from services.errors import Misconfigured
from services.runtime.dump import dump
from services.runtime.keys import ShardId
from services.runtime.ledger import Ledger, Outcome
from services.runtime.operations import Operations
from services.runtime.packing import pack
from services.runtime.store import Store
from services.runtime.store_errors import InvalidOperation, StoreUnavailable, store_errors
from services.runtime.store_start import COMMIT
from tests.private_store import StoreServer, fresh_shard, running_store, shared_server

LIMIT = 2**53 - 1
EPOCH = 1_000


async def opened(store: Store, shard: ShardId) -> Ledger:
    """Give *shard* a new ledger."""
    return await store.open(shard, now=EPOCH)


async def call_raw(store: Store, shard: ShardId, names: Sequence[str], operations: Any) -> Any:
    """Call the function with operations that the builder wouldn't make, on the shard's present ledger."""
    epoch, offset, version = await store.client.hmget(shard.ledger_key, ["epoch", "offset", "version"])
    keys = [shard.ledger_key, *(shard.key(name) for name in names)]
    base = (epoch, offset or -1, version or 0, offset or -1)
    packed = operations if isinstance(operations, bytes) else pack(operations, use_bin_type=False)
    return await store.client.execute_command("FCALL", COMMIT.name, len(keys), *keys, *base, packed)


async def test_a_commit_writes_state_and_ledger_together() -> None:
    """Operations of several kinds are applied, and the ledger moves to the new offset and version."""
    async with running_store() as store:
        shard = fresh_shard()
        base = await opened(store, shard)
        operations = (
            Operations().set(shard.key("a"), b"\x00\xff\r\n").hset(shard.key("b"), {"f": 1, "g": "é"})
        )

        reply = await store.commit(shard, base, 41, operations)

        assert reply.outcome is Outcome.COMMITTED
        assert reply.ledger == Ledger(EPOCH, 41, 1)
        assert await store.client.get(shard.key("a")) == b"\x00\xff\r\n"
        assert await store.client.hgetall(shard.key("b")) == {b"f": b"1", b"g": "é".encode()}
        assert await store.client.hgetall(shard.ledger_key) == {
            b"epoch": b"1000",
            b"offset": b"41",
            b"version": b"1",
        }


Build = Callable[[Operations, str], object]
SAME_AS_PLAIN: list[tuple[str, Build, list[tuple[Any, ...]]]] = [
    ("set", lambda o, k: o.set(k, "v"), [("SET", "v")]),
    ("set over a hash", lambda o, k: o.hset(k, {"f": 1}).set(k, 7), [("SET", 7)]),
    ("delete", lambda o, k: o.set(k, "v").delete(k), []),
    ("hset", lambda o, k: o.hset(k, {"f": b"\x00", "g": -5}), [("HSET", "f", b"\x00", "g", -5)]),
    ("hdel", lambda o, k: o.hset(k, {"f": 1, "g": 2}).hdel(k, ["f", "x"]), [("HSET", "g", 2)]),
    ("hincrby", lambda o, k: o.hincrby(k, {"f": 3}).hincrby(k, {"f": -5, "g": 1}), [("HSET", "f", -2, "g", 1)]),
    ("hincrby to the limit", lambda o, k: o.hincrby(k, {"f": LIMIT}), [("HSET", "f", LIMIT)]),
    ("hincrby below zero", lambda o, k: o.hincrby(k, {"f": -LIMIT}), [("HSET", "f", -LIMIT)]),
    ("hincrby after hset", lambda o, k: o.hset(k, {"f": "40"}).hincrby(k, {"f": 2}), [("HSET", "f", 42)]),
    (
        "hincrby after hdel",
        lambda o, k: o.hset(k, {"f": "x", "g": 1}).hdel(k, ["f"]).hincrby(k, {"f": 2}),
        [("HSET", "f", 2, "g", 1)],
    ),
    (
        "hincrby after delete",
        lambda o, k: o.hset(k, {"f": 9, "g": 1}).delete(k).hincrby(k, {"f": 2}),
        [("HSET", "f", 2)],
    ),
    ("hset after hincrby", lambda o, k: o.hincrby(k, {"f": 2}).hset(k, {"f": "x"}), [("HSET", "f", "x")]),
    ("zadd", lambda o, k: o.zadd(k, {"a": 1, "b": -2.5, "c": 1e300}), [("ZADD", 1, "a", -2.5, "b", 1e300, "c")]),
    ("zadd of an instant", lambda o, k: o.zadd(k, {"a": 1_760_000_000_123}), [("ZADD", 1_760_000_000_123, "a")]),
    ("zrem", lambda o, k: o.zadd(k, {"a": 1, "b": 2}).zrem(k, ["a", "x"]), [("ZADD", 2, "b")]),
    ("sadd", lambda o, k: o.sadd(k, ["a", "b"]).sadd(k, [b"\xff"]), [("SADD", "a", "b", b"\xff")]),
    ("srem", lambda o, k: o.sadd(k, ["a", "b"]).srem(k, ["b"]), [("SADD", "a")]),
    ("xadd", lambda o, k: o.xadd(k, "0-*", {"f": "v"}).xadd(k, "5-3", {"f": b"\x00"}), [
        ("XADD", "0-1", "f", "v"), ("XADD", "5-3", "f", b"\x00"),
    ]),
    ("xadd with a chosen second half", lambda o, k: o.xadd(k, "5-3", {"f": 1}).xadd(k, "5-*", {"f": 2}), [
        ("XADD", "5-3", "f", 1), ("XADD", "5-4", "f", 2),
    ]),
    ("xtrim", lambda o, k: o.xadd(k, "5-0", {"f": 1}).xadd(k, "5-1", {"f": 2}).xtrim(k, "5-1"), [
        ("XADD", "5-1", "f", 2),
    ]),
    ("pexpireat", lambda o, k: o.set(k, "v").pexpireat(k, 4_000_000_000_000), [
        ("SET", "v"), ("PEXPIREAT", 4_000_000_000_000),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("build", "plain"), [case[1:] for case in SAME_AS_PLAIN], ids=[case[0] for case in SAME_AS_PLAIN]
)
async def test_an_operation_does_what_the_plain_command_does(
    build: Build, plain: list[tuple[Any, ...]]
) -> None:
    """Each allowed command leaves its key as the server's own commands would, also after others on that key."""
    async with running_store() as store:
        shard, twin = fresh_shard(), fresh_shard()
        operations = Operations()
        build(operations, shard.key("k"))

        reply = await store.commit(shard, await opened(store, shard), 0, operations)
        base = await opened(store, twin)
        await store.commit(twin, base, 0, Operations())
        for command, *arguments in plain:
            await store.client.execute_command(command, twin.key("k"), *arguments)

        assert reply.outcome is Outcome.COMMITTED
        assert await dump(store, shard) == await dump(store, twin)


@pytest.mark.parametrize(
    ("base", "outcome"),
    [
        (Ledger(EPOCH - 1, 10, 1), Outcome.FENCED),
        (Ledger(EPOCH - 1, 99, 99), Outcome.FENCED),
        (Ledger(EPOCH + 1, 10, 1), Outcome.ROLLED_BACK),
        (Ledger(EPOCH, 9, 1), Outcome.DUPLICATE),
        (Ledger(EPOCH, 11, 1), Outcome.ROLLED_BACK),
        (Ledger(EPOCH, 10, 0), Outcome.DUPLICATE),
        (Ledger(EPOCH, 10, 2), Outcome.ROLLED_BACK),
        (Ledger(EPOCH, 10, 1), Outcome.COMMITTED),
    ],
)
async def test_the_ledger_decides(base: Ledger, outcome: Outcome) -> None:
    """Epoch first, then offset, then version; only the exact base commits, and every answer names the ledger."""
    async with running_store() as store:
        shard = fresh_shard()
        await store.commit(shard, await opened(store, shard), 10, Operations())
        stored = Ledger(EPOCH, 10, 1)

        reply = await store.commit(shard, base, 200, Operations().set(shard.key("a"), "written"))

        assert reply.outcome is outcome
        assert reply.ledger == (Ledger(EPOCH, 200, 2) if outcome is Outcome.COMMITTED else stored)
        assert await store.client.exists(shard.key("a")) == (outcome is Outcome.COMMITTED)


async def test_a_store_without_the_ledger_has_rolled_back() -> None:
    """A shard that the store has lost answers so, and takes nothing until it is opened anew."""
    async with running_store() as store:
        shard = fresh_shard()

        reply = await store.commit(shard, Ledger(EPOCH, 5, 3), 6, Operations().set(shard.key("a"), "v"))

        assert reply.outcome is Outcome.ROLLED_BACK
        assert reply.ledger == Ledger(0, -1, 0)
        assert await dump(store, shard) == pack([])


async def test_the_offset_may_stay_but_not_go_back() -> None:
    """Timers and dispatch commit with the offset unchanged; a lower one is refused."""
    async with running_store() as store:
        shard = fresh_shard()
        base = (await store.commit(shard, await opened(store, shard), 10, Operations())).ledger

        stayed = await store.commit(shard, base, 10, Operations().set(shard.key("a"), "v"))
        with pytest.raises(InvalidOperation, match="new_offset"):
            await store.commit(shard, stayed.ledger, 9, Operations())

        assert stayed.ledger == Ledger(EPOCH, 10, 2)


# Each is refused as the second operation, after a SET that must then not be there.
# `h` holds a hash {n: 5, text: x, big: LIMIT, old: 007}, `x` a stream whose last id is 7-3, `s` a string.
NAMES = ["first", "h", "x", "s", "none"]
H, X, S, NONE = 3, 4, 5, 6
INVALID: list[tuple[Any, str]] = [
    (["FLUSHALL", NONE], "not allowed"),
    (["GET", S], "not allowed"),
    (["set", NONE, "v"], "not allowed"),
    (["SET", 1, "v"], "key index"),
    (["SET", 7, "v"], "key index"),
    (["SET", 0, "v"], "key index"),
    (["SET", 2.5, "v"], "key index"),
    (["SET", "2", "v"], "key index"),
    (["SET", NONE], "one value"),
    (["SET", NONE, "v", "EX"], "one value"),
    (["SET", NONE, None], "one value"),
    (["SET", NONE, True], "neither text nor a number"),
    (["SET", NONE, ["v"]], "neither text nor a number"),
    (["SET", NONE, 1.5], "not an integer"),
    (["SET", NONE, 2**53], "not an integer"),
    (["DEL", NONE, "v"], "no argument"),
    (["HSET", H], "pairs"),
    (["HSET", H, "f"], "pairs"),
    (["HSET", S, "f", "v"], "holds a string"),
    (["HDEL", H], "fields"),
    (["HDEL", X, "f"], "holds a stream"),
    (["HINCRBY", H, "n"], "pairs"),
    (["HINCRBY", H, "n", "one"], "delta"),
    (["HINCRBY", H, "n", "1.0"], "delta"),
    (["HINCRBY", H, "text", 1], "does not hold an integer"),
    (["HINCRBY", H, "old", 1], "does not hold an integer"),
    (["HINCRBY", H, "big", 1], "sum"),
    (["HINCRBY", H, "n", -LIMIT, "n", -LIMIT], "sum"),
    (["HINCRBY", S, "n", 1], "holds a string"),
    (["ZADD", NONE, 1], "pairs"),
    (["ZADD", NONE, "soon", "m"], "score"),
    (["ZADD", NONE, "0x10", "m"], "score"),
    (["ZADD", NONE, "1e999", "m"], "score"),
    (["ZADD", NONE, float("nan"), "m"], "score"),
    (["ZADD", NONE, float("inf"), "m"], "score"),
    (["ZADD", H, 1, "m"], "holds a hash"),
    (["ZREM", H, "m"], "holds a hash"),
    (["ZREM", NONE], "members"),
    (["SADD", NONE], "members"),
    (["SADD", H, "m"], "holds a hash"),
    (["SREM", H, "m"], "holds a hash"),
    (["XADD", X, "7-3", "f", "v"], "above the last"),
    (["XADD", X, "6-*", "f", "v"], "above the last"),
    (["XADD", NONE, "0-0", "f", "v"], "above the last"),
    (["XADD", X, "*", "f", "v"], "form"),
    (["XADD", X, "8", "f", "v"], "form"),
    (["XADD", X, "-1-*", "f", "v"], "form"),
    (["XADD", X, "8-*", "f"], "id and pairs"),
    (["XADD", X, "8-*"], "id and pairs"),
    (["XADD", H, "8-*", "f", "v"], "holds a hash"),
    (["XTRIM", X, "8-*"], "form"),
    (["XTRIM", X], "takes an id"),
    (["XTRIM", H, "8-0"], "holds a hash"),
    (["PEXPIREAT", S, "soon"], "instant"),
    (["PEXPIREAT", S, 0], "instant"),
    (["PEXPIREAT", S], "instant"),
    (["HSET", H, *["f", "v"] * 2001], "4,000"),
    ("SET", "not allowed"),
    ({"SET": NONE}, "not allowed"),
]


@pytest.mark.parametrize(("operation", "reason"), INVALID, ids=[json.dumps(case[0])[:40] for case in INVALID])
async def test_an_operation_that_cannot_be_applied_leaves_everything_as_it_was(
    operation: Any, reason: str
) -> None:
    """Whatever is wrong with the second operation, the first isn't applied either, and the reply says which and why."""
    async with running_store() as store:
        shard = fresh_shard()
        await opened(store, shard)
        await store.client.hset(shard.key("h"), mapping={"n": 5, "text": "x", "big": LIMIT, "old": "007"})
        await store.client.xadd(shard.key("x"), {"f": "v"}, id="7-3")
        await store.client.set(shard.key("s"), "v")
        before = await dump(store, shard)

        with pytest.raises(ResponseError, match=rf"^INVALID operation 2: .*{reason}"):
            await call_raw(store, shard, NAMES, [["SET", 2, "v"], operation])

        assert await dump(store, shard) == before
        assert await store.client.hget(shard.ledger_key, "version") is None


@pytest.mark.parametrize(
    ("operations", "reason"),
    [
        ([["SADD", 2, "m"], ["HSET", 2, "f", "v"]], "holds a set"),
        ([["SET", 2, "v"], ["HINCRBY", 2, "f", 1]], "holds a string"),
        ([["HSET", 2, "f", "x"], ["HINCRBY", 2, "f", 1]], "does not hold an integer"),
        ([["HINCRBY", 2, "f", LIMIT], ["HINCRBY", 2, "f", 1]], "sum"),
        ([["XADD", 2, "5-1", "f", "v"], ["XADD", 2, "5-1", "f", "v"]], "above the last"),
        ([["PEXPIREAT", 2, 1], ["HINCRBY", 2, "f", 1]], "after PEXPIREAT"),
    ],
)
async def test_an_operation_is_judged_by_what_those_before_it_will_do(operations: Any, reason: str) -> None:
    """The second is refused for what the first would make of the key."""
    async with running_store() as store:
        shard = fresh_shard()
        await opened(store, shard)

        with pytest.raises(ResponseError, match=rf"^INVALID operation 2: .*{reason}"):
            await call_raw(store, shard, ["k"], operations)

        assert await store.client.exists(shard.key("k")) == 0


@pytest.mark.parametrize(
    "operations", [b"\xc1", b"", pack("text"), pack({"a": 1}), pack([None, ["SET", 2, "v"]])]
)
async def test_operations_that_are_no_array_are_refused(operations: bytes) -> None:
    """Whatever the argument holds, nothing is written unless all of it is understood."""
    async with running_store() as store:
        shard = fresh_shard()
        await opened(store, shard)

        with pytest.raises(ResponseError):
            await call_raw(store, shard, ["k"], operations)

        assert await store.client.hget(shard.ledger_key, "version") is None
        assert await store.client.exists(shard.key("k")) == 0


async def test_a_type_planted_in_the_middle_stops_the_whole_batch() -> None:
    """One key of a thousand holds something else: none of the batch is applied, the outbox included."""
    async with running_store() as store:
        shard = fresh_shard()
        base = await opened(store, shard)
        await store.client.set(shard.key("count:500"), "not a hash")
        before = await dump(store, shard)
        operations = Operations()
        for number in range(1000):
            operations.hincrby(shard.key(f"count:{number}"), {"n": 1})
            operations.xadd(shard.outbox_key, f"{number}-*", {"e": "event"})

        with pytest.raises(InvalidOperation, match="operation 1001: the key holds a string, not a hash"):
            await store.commit(shard, base, 999, operations)

        assert await dump(store, shard) == before


async def test_a_full_store_refuses_up_front() -> None:
    """Out of memory is a reason to wait: nothing is written, the same commit works once there is room."""
    server = StoreServer()
    try:
        async with running_store(server.url) as store:
            shard = fresh_shard()
            base = await opened(store, shard)
            operations = Operations().set(shard.key("a"), "v").set(shard.key("b"), "v")
            await store.client.config_set("maxmemory", 1)

            with pytest.raises(StoreUnavailable, match="refused for now"):
                await store.commit(shard, base, 0, operations)
            await store.client.config_set("maxmemory", 0)

            assert (await store.commit(shard, base, 0, operations)).outcome is Outcome.COMMITTED
    finally:
        server.stop()


async def test_a_user_who_may_not_run_a_command_writes_nothing() -> None:
    """Missing permissions are found before the first write, not at the command that lacks them."""
    server = StoreServer()
    try:
        async with running_store(server.url) as admin:
            await admin.client.execute_command(
                "ACL", "SETUSER", "limited", "on", ">x", "~*", "+@all", "-zadd"
            )
            shard = fresh_shard()
            base = await opened(admin, shard)
            operations = Operations().set(shard.key("a"), "v").zadd(shard.key("z"), {"m": 1})

            async with running_store(f"unix://limited:x@{server.socket}") as limited:
                with pytest.raises(InvalidOperation, match="may not run ZADD"):
                    await limited.commit(shard, base, 0, operations)

            assert await admin.client.exists(shard.key("a")) == 0
    finally:
        server.stop()


async def test_the_function_is_loaded_once_and_again_when_it_is_gone() -> None:
    """A second start loads nothing; a store that lost its functions gets them with the next commit."""
    server = StoreServer()
    try:
        async with running_store(server.url) as store, running_store(server.url):
            loads = (await store.client.info("commandstats"))["cmdstat_function|load"]["calls"]
            shard = fresh_shard()
            base = await opened(store, shard)
            await store.client.execute_command("FUNCTION", "FLUSH")

            reply = await store.commit(shard, base, 0, Operations())

            assert loads == 1
            assert reply.outcome is Outcome.COMMITTED
    finally:
        server.stop()


async def test_a_store_that_evicts_is_refused() -> None:
    """A policy that drops keys when memory runs out loses state: the text says what to set."""
    server = StoreServer("--maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(Misconfigured, match="maxmemory-policy noeviction"):
            async with running_store(server.url):
                pass
    finally:
        server.stop()


async def test_a_store_that_is_away_says_so() -> None:
    """Every call of a store that cannot be reached raises StoreUnavailable."""
    store = Store("redis://127.0.0.1:1", timeout_ms=500)
    shard = fresh_shard()
    calls: list[Awaitable[Any]] = [
        *(
            store.start(),
            store.ping(),
            store.open(shard, now=1),
            store.read([("GET", "a")]),
            store.mget(["a"]),
        ),
        store.commit(shard, Ledger(1), 0, Operations()),
    ]

    for call in calls:
        with pytest.raises(StoreUnavailable):
            await call

    await store.close()


async def test_a_commit_can_wait_for_the_disk() -> None:
    """With an append-only file, WAITAOF in the same pipeline confirms the commit."""
    server = StoreServer("--appendonly", "yes", "--appendfsync", "always")
    try:
        async with running_store(server.url, waitaof_ms=1000) as store:
            shard = fresh_shard()

            reply = await store.commit(
                shard, await opened(store, shard), 3, Operations().set(shard.key("a"), "v")
            )

            assert reply.outcome is Outcome.COMMITTED
    except Misconfigured as too_old:
        pytest.skip(str(too_old))
    finally:
        server.stop()


async def test_a_refusal_is_understood_where_a_commit_waits_for_the_disk() -> None:
    """There it is one command of several: what can't be applied is a bug, what may be later is unavailable."""
    server = StoreServer("--appendonly", "yes", "--appendfsync", "everysec")
    try:
        async with running_store(server.url, waitaof_ms=1000) as store:
            shard = fresh_shard()
            base = await opened(store, shard)
            with pytest.raises(InvalidOperation, match=r"^operation 2: the key holds a string, not a hash$"):
                await store.commit(
                    shard, base, 3, Operations().set(shard.key("a"), "v").hset(shard.key("a"), {"f": "v"})
                )
            with server.client() as client:
                client.config_set("min-replicas-to-write", 1)
            with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
                await store.commit(shard, base, 3, Operations().set(shard.key("a"), "v"))
    finally:
        server.stop()


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="nothing comes between there: what is written is written at once"
)
async def test_a_connection_that_closes_while_it_is_written_to_is_the_store_being_away() -> None:
    """The client doesn't say so by itself: it fails on what it has closed."""
    connection = UnixDomainSocketConnection(path=shared_server().socket, socket_timeout=5)
    await connection.connect()
    sending = asyncio.create_task(connection.send_command("PING"))
    await asyncio.sleep(0)  # it is about to write
    await connection.disconnect(nowait=True)
    with pytest.raises(StoreUnavailable, match="was closed"), store_errors():
        await sending


async def test_an_epoch_is_never_handed_out_twice() -> None:
    """Each opening is above the last, above the wall clock, and above what the same process had before."""
    async with running_store() as store:
        shard = fresh_shard()

        epochs = [(await store.open(shard, now=now, above=above)).epoch for now, above in
                  ((500, 0), (500, 0), (100, 0), (900, 0), (900, 5000), (900, 0))]  # fmt: skip

        assert epochs == [500, 501, 502, 900, 5001, 5002]
