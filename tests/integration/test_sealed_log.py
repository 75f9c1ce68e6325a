"""What the sealed log promises beyond the port: nothing readable beneath it, and nothing readable once keys are gone."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from schemas.topics import SEALING_KEYS
from services.runtime.clock import now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.key_ring import KeyRing
from services.runtime.log.port import PLAIN, SEALED_HEADER, LogRecord, Record, TopicSpec
from services.runtime.log.sealed import SealedLog
from services.runtime.store import Store
from tests.private_store import StoreServer

TOPIC = "people"


class Side(NamedTuple):
    """A process's log, and what is beneath it."""

    log: SealedLog
    inner: EmbeddedLog


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Side]:
    """Give a process's own sealed log."""
    inner, store = EmbeddedLog(url), Store(url)
    log = SealedLog(inner, KeyRing(inner, store, now_ms), store, {TOPIC}, {TOPIC: lambda _value: b"bare"})
    await log.start()
    await log.ensure_topics([TopicSpec(TOPIC, 1), TopicSpec(SEALING_KEYS.name, 2, compacted=True)])
    try:
        yield Side(log, inner)
    finally:
        await log.close()


@asynccontextmanager
async def two_processes() -> AsyncGenerator[tuple[Side, Side, Store]]:
    """Give two on one server, and its store."""
    server = StoreServer()
    store = Store(server.url)
    try:
        async with opened(server.url) as one, opened(server.url) as other:
            yield one, other, store
    finally:
        await store.close()
        server.stop()


async def values(side: Side) -> list[bytes | None]:
    """Return what a reader gets."""
    return [each.value for each in await side.log.read(TOPIC, 0, 0)]


async def raw(side: Side) -> list[LogRecord]:
    """Return what stands beneath."""
    return list(await side.inner.read(TOPIC, 0, 0))


async def test_values_are_sealed_beneath_and_read_by_all_processes() -> None:
    """The key is made by one, found by the other."""
    async with two_processes() as (one, other, _):
        await one.log.append([Record(TOPIC, "a", b"Hanako"), Record(TOPIC, "b", b"Taro")])
        await other.log.append([Record(TOPIC, "a", b"Hanako again")])
        assert await values(one) == await values(other) == [b"Hanako", b"Taro", b"Hanako again"]
        beneath = await raw(one)
    assert not any(b"Hanako" in (each.value or b"") for each in beneath)
    assert (
        beneath[0].headers[SEALED_HEADER]
        == beneath[2].headers[SEALED_HEADER]
        != beneath[1].headers[SEALED_HEADER]
    )


async def test_destroyed_keys_are_forgotten_by_processes_that_used_them() -> None:
    """What was sealed is none for both; others' values are as they were; what was plain outlives the key."""
    async with two_processes() as (one, other, _):
        plain = Record(TOPIC, "a", b"counted", {SEALED_HEADER: PLAIN})
        await one.log.append([Record(TOPIC, "a", b"Hanako"), Record(TOPIC, "b", b"Taro"), plain])
        assert await values(other) == [b"Hanako", b"Taro", b"counted"]
        for _ in range(2):  # a kill repeats it
            await one.log.destroy(["a"])
        assert await values(one) == await values(other) == [None, b"Taro", b"counted"]
        assert [each.is_shredded for each in await other.log.read(TOPIC, 0, 0)] == [True, False, False]


async def test_under_a_retired_key_only_what_is_bare_is_appended() -> None:
    """Also by a process that sealed with it before; what was sealed can be read until the key is destroyed."""
    async with two_processes() as (one, other, _):
        await other.log.append([Record(TOPIC, "a", b"Hanako")])
        await one.log.retire(["a"])
        await other.log.append([Record(TOPIC, "a", b"Hanako moved")])
        assert await values(other) == [b"Hanako", b"bare"]
        await one.log.destroy(["a"])
        await other.log.append([Record(TOPIC, "a", b"Hanako again"), Record(TOPIC, "b", b"Taro")])
        assert await values(other) == [None, b"bare", b"bare", b"Taro"]


async def test_a_store_that_was_lost_is_filled_from_the_topic() -> None:
    """Values can be read again, of destroyed keys they can't."""
    async with two_processes() as (one, other, store):
        await one.log.append([Record(TOPIC, "a", b"Hanako"), Record(TOPIC, "b", b"Taro")])
        await one.log.destroy(["a"])
        async for key in store.client.scan_iter(match="sealing:*"):
            await store.client.delete(key)
        assert await values(other) == await values(one) == [None, b"Taro"]


@pytest.mark.parametrize("moved", [b"other", b""])
async def test_a_sealed_value_is_of_no_use_elsewhere(moved: bytes) -> None:
    """Under another record key, or changed, it isn't opened; the reader goes on."""
    async with two_processes() as (one, _, _):
        await one.log.append([Record(TOPIC, "a", b"Hanako")])
        (sealed,) = await raw(one)
        value = (sealed.value or b"") if moved else b"\0" + (sealed.value or b"")[1:]
        await one.inner.append([Record(TOPIC, moved.decode() or "a", value, sealed.headers)])
        assert await values(one) == [b"Hanako", None]
