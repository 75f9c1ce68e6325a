"""
Dead letters as people handle them: which there are, what a replay of one appends, and what stands in its way. Pure.

| letter of | its origin | a replay appends | why a repeat is harmless |
|---|---|---|---|
| a record that couldn't be read | `<topic>/<partition>/<offset>` | the same bytes to the same topic | it never had an effect; what it holds is idempotent |
| a notification | `<system>` | the notification to the inbox | the record is observed again, which changes nothing |
| an alert that a sink refused | `sink:<name>` | `AlertRetold` to the alerts | the notifier tries it once for each refusal |
| a refused write | `<side>:<slot>` | `LeadWriteRetried` to the lead's changes | forgets the refusal; the lead is sent at most once more |
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from json import loads
from typing import Protocol

from schemas.alerts import AlertRetold, Retold
from schemas.dead_letters import DeadLetter
from schemas.inbox import InboxReceived, Received
from schemas.instants import rfc3339
from schemas.lead import LeadWriteRetried, WriteRetried
from schemas.reading import Unreadable, read
from schemas.topics import ALERTS, INBOX, LEAD_CHANGES, LIFECYCLE, REQUESTS
from services.runtime.log.port import MAX_VALUE_BYTES, Record
from services.sync.domain.records import RecordRef

SOURCE = "/tasuki/dead-letters"

_WRITE = re.compile(r"(ma|sfa):(.+)")
_SINK = re.compile(r"sink:(.+)")
_REPLAYABLE = {each.name: each for each in (INBOX, LEAD_CHANGES, LIFECYCLE, ALERTS, REQUESTS)}
"""Topics whose records may be appended again: their readers take each record as often as it comes."""
_UNREADABLE = frozenset({"not-json", "unknown-type", "bad-event"})


class LetterState(StrEnum):
    """What became of a letter."""

    WAITING = "waiting"
    REPLAYED = "replayed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Mark:
    """That somebody replayed or dropped a letter: when (epoch ms), and who."""

    state: LetterState
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter; `lead_id` where it is known whose it is."""

    id: str
    data: DeadLetter
    mark: Mark | None = None
    lead_id: str | None = None

    @property
    def state(self) -> LetterState:
        """Whether it waits for somebody."""
        return self.mark.state if self.mark else LetterState.WAITING

    @property
    def ref(self) -> RecordRef | None:
        """The vendor's record, of a letter of a notification."""
        if "/" in self.data.origin or self.write is not None or self.sink is not None:
            return None
        parts = self.data.key.split(":", 2)
        return RecordRef(*parts) if len(parts) == 3 and all(parts) else None  # noqa: PLR2004 (a ref's parts)

    @property
    def sink(self) -> str | None:
        """The sink, of a letter of an alert that it refused."""
        found = None if "/" in self.data.origin else _SINK.fullmatch(self.data.origin)
        return None if found is None else found[1]

    @property
    def write(self) -> tuple[str, str] | None:
        """Side and slot, of a letter of a refused write."""
        found = _WRITE.fullmatch(self.data.origin)
        return None if "/" in self.data.origin or found is None else (found[1], found[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """
    Which letters are meant; what is None or empty doesn't narrow.

    `reason` is a whole reason, or its part before the colon. `lead_id` is a lead's; `since` and `until` are
    instants between which the letter was set aside, epoch ms.
    """

    ids: Collection[str] = ()
    reason: str | None = None
    lead_id: str | None = None
    since: int | None = None
    until: int | None = None
    states: Collection[LetterState] = ()

    def takes(self, letter: Letter) -> bool:
        """Return whether *letter* is meant."""
        reason, at = letter.data.reason, letter.data.failed_at
        return (
            (not self.ids or letter.id in self.ids)
            and (self.reason is None or self.reason in {reason, reason.partition(":")[0]})
            and (self.lead_id is None or self.lead_id == letter.lead_id)
            and (self.since is None or at >= self.since)
            and (self.until is None or at <= self.until)
            and (not self.states or letter.state in self.states)
        )


class Marks(Protocol):
    """Where marks are kept; each call is durable when it returns. Raises StoreUnavailable."""

    async def marks(self, ids: Sequence[str]) -> Mapping[str, Mark]:
        """Return the marks of those of the letters that have one."""
        ...

    async def mark(self, ids: Sequence[str], mark: Mark) -> None:
        """Give *mark* to each of the letters, in place of an earlier one."""
        ...

    async def order_resume(self, system: str, at: int) -> None:
        """Ask whoever serves *system* to try its lines again now; *at* epoch ms, the latest one stands."""
        ...

    async def resumes(self) -> Mapping[str, int]:
        """Return for each system when it was last asked to go on, epoch ms."""
        ...


class NotReplayable(Exception):
    """A letter can't be replayed; the text says why, and what helps instead."""


def body_of(letter: Letter) -> bytes:
    """Return the original's bytes. Raises NotReplayable where they are damaged."""
    try:
        return b64decode(letter.data.body, validate=True)
    except (NotBase64, ValueError):
        raise NotReplayable("the letter's body is damaged: it is not base64") from None


def replay_of(letter: Letter, *, systems: Collection[str], now: int, by: str) -> Record:
    """
    Return what to append so that *letter* is taken in again.

    Args:
        letter: Which.
        systems: The systems that are configured.
        now: The present, epoch ms.
        by: Who asks for it.

    Raises:
        NotReplayable: It can't be, or it would only become a letter again.
    """
    if letter.write is not None:
        record = _retry(letter, *letter.write, now, by)
    elif letter.sink is not None:
        record = _retold(letter, letter.sink, now, by)
    elif "/" in letter.data.origin:
        record = _same_bytes(letter)
    else:
        record = _notification(letter, systems, now)
    if record.value is not None and len(record.value) > MAX_VALUE_BYTES:
        raise NotReplayable(f"it is {len(record.value)} bytes; the log takes {MAX_VALUE_BYTES}")
    return record


def _retry(letter: Letter, side: str, slot: str, now: int, by: str) -> Record:
    event = LeadWriteRetried(
        id=f"{letter.id}-r{now}",
        source=SOURCE,
        subject=letter.data.key,
        time=rfc3339(now),
        data=WriteRetried(
            side="ma" if side == "ma" else "sfa", slot=slot, retried_at=now, letter=letter.id, by=by
        ),
    )
    return Record(LEAD_CHANGES.name, letter.data.key, event.model_dump_json().encode())


def _retold(letter: Letter, sink: str, now: int, by: str) -> Record:
    try:
        target = str(loads(body_of(letter)).get("target", ""))
    except (ValueError, AttributeError):
        raise NotReplayable("the letter's body is damaged: it holds no alert") from None
    event = AlertRetold(
        id=f"{letter.id}-r{now}",
        source=SOURCE,
        subject=letter.data.key,
        time=rfc3339(now),
        data=Retold(
            sink=sink,
            target=target,
            refused_at=letter.data.failed_at,
            letter=letter.id,
            by=by,
            alert=letter.data.body,
        ),
    )
    return Record(ALERTS.name, letter.data.key, event.model_dump_json().encode())


def _same_bytes(letter: Letter) -> Record:
    name = letter.data.origin.partition("/")[0]
    topic = _REPLAYABLE.get(name)
    if topic is None:
        raise NotReplayable(
            f"its readers may not take a record of {name} twice: let its writer tell it again"
        )
    if topic is LIFECYCLE and letter.data.reason not in _UNREADABLE:
        raise NotReplayable(
            "the fact can't be true: correct it in the vendor, which tells it anew, or drop it"
        )
    value = body_of(letter)
    try:
        read(topic, value)
    except Unreadable as error:
        raise NotReplayable(
            f"this version can't read it either ({error}): bring tasuki to the version that wrote it, or drop it"
        ) from None
    return Record(name, letter.data.key, value)


def _notification(letter: Letter, systems: Collection[str], now: int) -> Record:
    ref = letter.ref
    if ref is None:
        raise NotReplayable(f"its key {letter.data.key!r} names no record of a system")
    if ref.system not in systems:
        raise NotReplayable(
            f"no connector is configured for {ref.system!r}: configure it, or drop the letter"
        )
    try:
        body = body_of(letter).decode()
    except UnicodeDecodeError:
        raise NotReplayable(
            "its body is no text: change the record in the vendor, which tells it anew"
        ) from None
    event = InboxReceived(
        id=f"{letter.id}-r{now}",
        source=SOURCE,
        subject=str(ref),
        time=rfc3339(now),
        data=Received(
            system=ref.system,
            object=ref.object,
            record_id=ref.id,
            body=body,
            received_at=letter.data.failed_at,
        ),
    )
    return Record(INBOX.name, str(ref), event.model_dump_json().encode())
