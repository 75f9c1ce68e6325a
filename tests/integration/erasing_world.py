"""A person's whole way to an erasure on the stage, and a look at every byte that anybody can read of them."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, cast

import orjson

from schemas.reading import read
from schemas.topics import LEAD_CHANGES, TOPICS
from services.cli.stage.books import Books
from services.cli.stage.look import people
from services.cli.stage.quiet import quiet
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage
from services.kpi.adapters.recount import Basis, Key, Value, recount
from services.kpi.adapters.stored_clocks import stored_eras
from services.kpi.domain.clock_rules import ClockRules
from services.runtime.clock import now_ms
from services.runtime.log.port import Log, LogRecord
from services.runtime.log.sealed import SealedLog
from services.sync.adapters.lead_codec import decode, encode
from services.sync.application.decide import Decide
from services.sync.application.moving import Moving
from services.sync.consumers.emissions import place_of
from services.sync.domain.lead import Lead
from tests.waiting import PATIENCE_S, wait_until

EMAIL = "kiyoko.otsuki@shredded.example"
PERSONAL = (
    EMAIL,
    "Otsukiyama",
    "Kiyokohime",
    "03-9182-7364",
    "Otsukiyama Shoten",
    "大槻山商店",
    "allergic to nuts",
)
"""What says who somebody is, each in a form of its own."""

ENTERED: Mapping[str, Any] = {
    "email": EMAIL,
    "lastname": "Otsukiyama",
    "firstname": "Kiyokohime",
    "company": "Otsukiyama Shoten 大槻山商店",
    "phone": "03-9182-7364",
    "num_conversion_events": "2",
    "document_downloads": "3",
}


async def settle(stage: Stage, books: Books) -> None:
    """Wait until nothing is under way, and all facts are counted."""
    await quiet([stage.ma, stage.sfa], books, within_s=PATIENCE_S)

    async def counted() -> bool:
        return await books.uncounted() == 0

    await wait_until(counted, description="all facts are counted")


async def live(stage: Stage, books: Books) -> tuple[str, str]:
    """Let a person enter, qualify, be handed over and be called; return the ids of the contact and the sales lead."""
    await stage.ma.act([Act(act="create", object="contact", fields=ENTERED)])
    await settle(stage, books)
    (contact,), (lead,) = await people(stage)
    call = {
        "WhoId": lead.id,
        "Subject": "Otsukiyama: allergic to nuts",
        "Status": "Completed",
        "TaskSubtype": "Call",
    }
    await stage.sfa.act([Act(act="create", object="Task", fields=call)])
    await stage.sfa.act([Act(act="update", object="Lead", id=lead.id, fields={"FirstName": "Kiyokohime"})])
    await settle(stage, books)
    return contact.id, lead.id


async def figures(stage: Stage, books: Books) -> Mapping[Key, Value]:
    """Return what the KPIs serve; it is what SQL counts."""
    served: dict[Key, Value] = {}

    def row(key: Key, value: Value | None, _recounted: Value | None) -> None:
        if value is not None:
            served[key] = value

    eras = await stored_eras(books.store, service="kpi")
    promises = ClockRules.of(eras) if eras else None
    basis = Basis(service="kpi", rules=stage.kpi_settings.counting, promises=promises, now=now_ms())
    found = await recount(books.log, books.store, basis, row=row)
    assert not found.differences
    return served


async def readable(log: Log) -> AsyncGenerator[LogRecord]:
    """Yield every record that a reader of *log* gets."""
    for topic in TOPICS:
        for partition, offsets in (await log.offsets(topic.name)).items():
            offset = offsets.begin
            while page := await log.read(topic.name, partition, offset):
                offset = page[-1].offset + 1
                for each in page:
                    yield each


async def told_in(log: Log) -> AbstractSet[str]:
    """Return which personal strings a reader of *log* finds, with their topics."""
    found: set[str] = set()
    async for each in readable(log):
        whole = b"\n".join((each.key.encode(), each.value or b"", orjson.dumps(dict(each.headers))))
        found |= {f"{each.topic}: {text}" for text in _texts_in(whole)}
    return found


async def stored_in(books: Books, *, but: str = "") -> AbstractSet[str]:
    """Return which personal strings stand in the keys and values of the whole store, with their keys."""
    found: set[str] = set()
    client = books.store.client
    async for key in client.scan_iter(count=1_000):
        if but and key.decode().startswith(but):
            continue
        found |= {f"{key!r}: {text}" for text in _texts_in(key + b"\n" + await _value(client, key))}
    return found


async def rebuilt(stage: Stage, books: Books, lead_id: str) -> Lead:
    """Return the lead as it is when all that can be read of it is read anew."""
    moving, lead = Moving(Decide(stage.settings.rules), encode, decode), Lead(lead_id)
    async for each in readable(books.log):
        if each.topic == LEAD_CHANGES.name and each.key == lead_id and each.value is not None:
            lead = moving.take(lead, read(LEAD_CHANGES, each.value), place_of(each)).lead  # pyright: ignore[reportArgumentType] (that topic's)
    return decode(lead_id, encode(lead))


def inner_of(books: Books) -> Log:
    """Return the log beneath the seals."""
    assert isinstance(books.log, SealedLog)
    return books.log.inner


async def _value(client: Any, key: bytes) -> bytes:
    kind = await client.type(key)
    if kind == b"string":
        return await client.get(key)
    reading = {
        b"hash": ("HGETALL", key),
        b"zset": ("ZRANGE", key, 0, -1),
        b"set": ("SMEMBERS", key),
        b"list": ("LRANGE", key, 0, -1),
        b"stream": ("XRANGE", key, "-", "+"),
    }
    return _joined(await client.execute_command(*reading[kind]))


def _joined(value: Any) -> bytes:
    """Return all that *value* holds, however deep."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        pairs = cast("dict[Any, Any]", value)
        return b"\n".join((*map(_joined, pairs), *map(_joined, pairs.values())))
    if isinstance(value, list | tuple | set):
        return b"\n".join(map(_joined, cast("Iterable[Any]", value)))
    return str(value).encode()


def _texts_in(value: bytes) -> list[str]:
    return [text for text in PERSONAL if any(form in value for form in _forms(text))]


def _forms(text: str) -> Sequence[bytes]:
    """Return *text* in UTF-8, as ASCII in JSON, and as it stands within base64, wherever it begins there."""
    plain = text.encode()
    escaped = text.encode("ascii", "backslashreplace")
    inner = [b64encode(b"\0" * shift + plain)[4 if shift else 0 :].rstrip(b"=")[:-2] for shift in range(3)]
    return [plain, escaped, *inner]
