"""The dead letters on their topic, with what became of each; replayed into the topics they came from."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, cast

import structlog

from schemas.dead_letters import DeadLettered
from schemas.reading import Unreadable, read
from schemas.topics import DEAD_LETTERS, LEAD_CHANGES, TOPICS
from services.runtime.clock import Clock
from services.runtime.keys import ShardId
from services.runtime.log.port import Log, Record
from services.runtime.store import Store
from services.sync.application.identify import Identity, email_claim, is_lead_id
from services.sync.application.letters import (
    Letter,
    LetterState,
    Mark,
    Marks,
    NotReplayable,
    Wanted,
    body_of,
    replay_of,
)
from services.sync.domain.records import Side

Json: TypeAlias = dict[str, Any]
log = structlog.get_logger()

_PAGE = 2_000
_CHUNK = 100
"""So many letters are appended, then marked: what a crash between the two repeats."""


@dataclass(slots=True)
class Handled:
    """How a replay or drop ended: the letters done, and of the others why not."""

    done: list[Letter] = field(default_factory=list[Letter])
    left: list[tuple[Letter, str]] = field(default_factory=list[tuple[Letter, str]])


class LetterBox:
    """
    Lists, replays and drops dead letters, beside the running service or without it.

    Args:
        systems: The connectors' names by side.
        service: The service whose shards hold the leads.
    """

    def __init__(
        self,
        *,
        log: Log,
        store: Store,
        marks: Marks,
        identity: Identity,
        systems: Mapping[Side, str],
        service: str,
        clock: Clock,
    ) -> None:
        self._log = log
        self._store = store
        self._marks = marks
        self._identity = identity
        self._systems = systems
        self._service = service
        self._clock = clock

    async def lead_of(self, lead_or_email: str) -> str | None:
        """Return the lead_id of a lead_id or an e-mail address; None if nobody claimed the address."""
        asked = lead_or_email.strip()
        if is_lead_id(asked):
            return asked.lower()
        claim = email_claim(asked)
        return (await self._identity.claimed([claim])).get(claim)

    async def letters(self, wanted: Wanted) -> list[Letter]:
        """Return the letters that *wanted* takes, oldest first. Takes as long as the topic is."""
        found: dict[str, Letter] = {}
        async for letter in self._on_topic():
            found.setdefault(letter.id, letter)
        narrowed = [each for each in found.values() if not wanted.ids or each.id in wanted.ids]
        marks = await self._marks.marks([each.id for each in narrowed])
        leads = await self._leads(narrowed)
        letters = [replace(each, mark=marks.get(each.id), lead_id=leads.get(each.id)) for each in narrowed]
        return sorted(filter(wanted.takes, letters), key=lambda each: (each.data.failed_at, each.id))

    async def obstacle(self, letter: Letter) -> str | None:
        """Return why *letter* can't be replayed, None if it can."""
        try:
            await self._replay(letter, "")
        except NotReplayable as error:
            return str(error)
        return None

    async def replay(
        self,
        letters: Sequence[Letter],
        *,
        by: str,
        dry: bool = False,
        told: Callable[[int], None] = lambda _count: None,
    ) -> Handled:
        """
        Append what takes *letters* in again, then mark them; *told* hears how many were looked at.

        A crash in between repeats the append at the next replay, which is harmless; nothing is marked that
        isn't in the log. Lines that stand because everything was refused are asked to go on.
        """
        handled = Handled()
        for start in range(0, len(letters), _CHUNK):
            chunk = letters[start : start + _CHUNK]
            records: dict[str, Record] = {}
            for letter in chunk:
                try:
                    records[letter.id] = await self._replay(letter, by)
                    handled.done.append(letter)
                except NotReplayable as error:
                    handled.left.append((letter, str(error)))
            if records and not dry:
                await self._log.append(list(records.values()))
                await self._marks.mark(list(records), Mark(LetterState.REPLAYED, self._clock(), by))
            told(len(chunk))
        if not dry:
            for system in {each for letter in handled.done if (each := self._system_of(letter))}:
                await self._marks.order_resume(system, self._clock())
        return handled

    async def drop(self, letters: Sequence[Letter], *, by: str) -> None:
        """Mark *letters* as done with: they stay on the topic, and wait for nobody."""
        if letters:
            mark = Mark(LetterState.DROPPED, self._clock(), by)
            await self._marks.mark([each.id for each in letters], mark)

    async def as_json(self, letter: Letter, *, whole: bool = False) -> Json:
        """Return *letter* as JSON; *whole* adds the original and what stands in the way of a replay."""
        told: Json = {
            "id": letter.id,
            "state": letter.state.value,
            "reason": letter.data.reason,
            "detail": letter.data.detail,
            "origin": letter.data.origin,
            "key": letter.data.key,
            "lead_id": letter.lead_id,
            "attempts": letter.data.attempts,
            "failed_at": letter.data.failed_at,
            "marked_at": letter.mark.at if letter.mark else None,
            "marked_by": letter.mark.by if letter.mark else None,
        }
        if whole:
            told["obstacle"] = await self.obstacle(letter)
            told["body"] = _text(letter)
        return told

    async def _on_topic(self) -> AsyncIterator[Letter]:
        for partition, offsets in sorted((await self._log.offsets(DEAD_LETTERS.name)).items()):
            offset = offsets.begin
            while page := await self._log.read(DEAD_LETTERS.name, partition, offset, limit=_PAGE):
                offset = page[-1].offset + 1
                for record in page:
                    if record.is_shredded:
                        continue
                    try:
                        event = cast("DeadLettered", read(DEAD_LETTERS, record.value))
                    except Unreadable as error:
                        log.warning("event.unreadable", topic=DEAD_LETTERS.name, reason=error.reason)
                    else:
                        yield Letter(event.id, event.data)

    async def _leads(self, letters: Collection[Letter]) -> dict[str, str]:
        """Return by letter the lead it is about, where that is known."""
        refs = {each.id: ref for each in letters if (ref := each.ref) is not None}
        links = await self._identity.links(list(refs.values()))
        found = {letter: links[ref] for letter, ref in refs.items() if ref in links}
        own = {each.id: each.data.key for each in letters if each.ref is None and is_lead_id(each.data.key)}
        return found | own

    async def _replay(self, letter: Letter, by: str) -> Record:
        if letter.write is not None and not await self._is_known(letter.data.key):
            raise NotReplayable("the lead isn't known any more")
        if "/" in letter.data.origin and not letter.data.body:
            letter = replace(
                letter, data=letter.data.model_copy(update={"body": await self._at_origin(letter)})
            )
        return replay_of(letter, systems=self._systems.values(), now=self._clock(), by=by)

    async def _at_origin(self, letter: Letter) -> str:
        """Return the original of a letter that was too long for it, as base64, from where it still stands."""
        topic, partition, offset = letter.data.origin.rsplit("/", 2)
        if topic not in {each.name for each in TOPICS}:
            return ""
        page = await self._log.read(topic, int(partition), int(offset), limit=1)
        found = page[0].value if page and page[0].offset == int(offset) else None
        return b64encode(found or b"").decode()

    async def _is_known(self, lead_id: str) -> bool:
        partition = self._log.partition_for(LEAD_CHANGES.name, lead_id)
        shard = ShardId(self._service, LEAD_CHANGES.name, partition)
        (known,) = await self._store.read([("EXISTS", shard.key(f"lead:{lead_id}"))])
        return bool(known)

    def _system_of(self, letter: Letter) -> str | None:
        if letter.write is not None:
            return self._systems.get(Side(letter.write[0]))
        return letter.ref.system if letter.ref else None


def _text(letter: Letter) -> Any:
    """Return the original as text where it is one, else as base64."""
    try:
        return body_of(letter).decode()
    except (NotReplayable, UnicodeDecodeError):
        return letter.data.body
