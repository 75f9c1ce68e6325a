"""A deployment's dead letters over the memory log and a store, with letters of each kind."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from schemas.dead_letters import DeadLetter, DeadLettered
from schemas.instants import rfc3339
from schemas.topics import DEAD_LETTERS, LEAD_CHANGES
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.log.port import Log, LogRecord, Record
from services.runtime.store import Store
from services.sync.adapters.identity_index import IdentityIndex
from services.sync.adapters.operator_marks import DONE, RESUME, OperatorMarks
from services.sync.app import topic_specs
from services.sync.consumers.letters import LetterBox
from services.sync.domain.records import RecordRef, Side
from tests.fakes.memory_log import MemoryLog
from tests.private_store import running_store

LEAD = "01890a5d-ac96-774b-bcce-b302099a8057"
OTHER = "01890a5d-ac96-774b-bcce-b302099a8058"
AGES_MS: Mapping[str, int] = {"hint": 3_600_000, "write": 60_000, "bytes": 86_400_000, "foreign": 1_000}


def dead_letter(letter_id: str, **data: object) -> Record:
    """Return a letter as it stands on its topic; *data* are the fields that matter."""
    plain: dict[str, object] = {
        "reason": "read-refused",
        "detail": "why",
        "origin": "hubspot",
        "key": "hubspot:contact:101",
        "body": b64encode(b'{"objectId": 101}').decode(),
        "attempts": 1,
        "failed_at": now_ms(),
    }
    letter = DeadLetter.model_validate(plain | data)
    event = DeadLettered(
        id=letter_id, source="/test", subject=letter.key, time=rfc3339(letter.failed_at), data=letter
    )
    return Record(DEAD_LETTERS.name, letter.key, event.model_dump_json().encode())


@dataclass
class LetterWorld:
    """What a test may look at."""

    box: LetterBox
    log: MemoryLog
    store: Store
    marks: OperatorMarks

    async def on(self, topic: str) -> list[LogRecord]:
        """Return all records of *topic*."""
        offsets = await self.log.offsets(topic)
        return [each for number in offsets for each in await self.log.read(topic, number, 0, limit=1_000)]


def letter_box(log: Log, store: Store, service: str, systems: Mapping[Side, str]) -> LetterBox:
    """Return the letters on *log*."""
    return LetterBox(
        log=log,
        store=store,
        marks=OperatorMarks(store),
        identity=IdentityIndex(store),
        systems=systems,
        service=service,
        clock=now_ms,
    )


async def forget_marks(store: Store) -> None:
    """Begin without what other tests of the same server did."""
    await store.client.delete(DONE, RESUME)


@asynccontextmanager
async def letter_world(*, known: bool = True) -> AsyncGenerator[LetterWorld]:
    """Give a letter of each kind: of a notification, a refused write, unreadable bytes, a system that is gone."""
    log = MemoryLog()
    await log.ensure_topics(topic_specs(3))
    service = f"t{uuid4().hex[:10]}"
    async with running_store() as store:
        await forget_marks(store)
        if known:
            shard = ShardId(service, LEAD_CHANGES.name, log.partition_for(LEAD_CHANGES.name, LEAD))
            await store.client.set(shard.key(f"lead:{LEAD}"), b"a lead")
        await IdentityIndex(store).link({RecordRef("hubspot", "contact", "101"): LEAD})
        now = now_ms()
        await log.append(
            [
                dead_letter("hint", failed_at=now - AGES_MS["hint"]),
                dead_letter(
                    "write",
                    reason="refused:NO_RIGHT",
                    origin="sfa:task:1",
                    key=LEAD,
                    failed_at=now - AGES_MS["write"],
                ),
                dead_letter(
                    "bytes",
                    reason="not-json",
                    origin=f"{LEAD_CHANGES.name}/0/17",
                    key=OTHER,
                    body=b64encode(b"{nonsense").decode(),
                    failed_at=now - AGES_MS["bytes"],
                ),
                dead_letter(
                    "foreign",
                    reason="unknown-system",
                    origin="marketo",
                    key="marketo:lead:7",
                    failed_at=now - AGES_MS["foreign"],
                ),
            ]
        )
        systems = {Side.MA: "hubspot", Side.SFA: "salesforce"}
        yield LetterWorld(letter_box(log, store, service, systems), log, store, OperatorMarks(store))
