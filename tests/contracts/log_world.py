"""What the contract tests of the log are made of: a handler that remembers, both adapters, member processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from schemas.topics import SEALING_KEYS
from services.runtime.clock import now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.embedded_subscription import EmbeddedSubscription
from services.runtime.log.kafka import KafkaLog
from services.runtime.log.kafka_settings import KafkaSettings
from services.runtime.log.kafka_subscription import KafkaSubscription
from services.runtime.log.key_ring import KeyRing
from services.runtime.log.port import LogRecord, Record, TopicSpec
from services.runtime.log.sealed import SealedLog
from services.runtime.log.sealed_subscription import SealedSubscription
from services.runtime.store import Store
from tests.waiting import PATIENCE_S

AnyLog = EmbeddedLog | KafkaLog | SealedLog
AnySubscription = EmbeddedSubscription | KafkaSubscription | SealedSubscription
BatchHook = Callable[[int, Sequence[LogRecord]], Awaitable[None]]


@dataclass
class Remembering:
    """A handler that begins where `ledger` says, moves it on, and remembers what happened in `events`."""

    ledger: dict[int, int] = field(default_factory=dict[int, int])
    on_batch: BatchHook | None = None
    on_assigned: Callable[[frozenset[int]], Awaitable[None]] | None = None
    records: list[LogRecord] = field(default_factory=list[LogRecord])
    batches: list[tuple[int, list[LogRecord]]] = field(default_factory=list[tuple[int, list[LogRecord]]])
    events: list[str] = field(default_factory=list[str])

    async def assigned(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """Begin at the ledger's offsets, after the hook."""
        self.events.append(f"assigned {sorted(partitions)}")
        if self.on_assigned is not None:
            await self.on_assigned(partitions)
        return {each: self.ledger.get(each, 0) for each in partitions}

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Remember it."""
        self.events.append(f"revoked {sorted(partitions)}")

    async def batch(self, partition: int, records: Sequence[LogRecord]) -> None:
        """Call the hook, then remember the records and move the ledger on."""
        self.events.append(f"begins {partition}")
        if self.on_batch is not None:
            await self.on_batch(partition, records)
        self.batches.append((partition, list(records)))
        self.records.extend(records)
        self.ledger[partition] = records[-1].offset + 1
        self.events.append(f"ended {partition}")

    def keys(self) -> list[str]:
        """Return the keys of what was handled, in the order of handling."""
        return [each.key for each in self.records]

    def offsets(self) -> dict[int, list[int]]:
        """Return for each partition the offsets handled, in the order of handling."""
        found: defaultdict[int, list[int]] = defaultdict(list)
        for each in self.records:
            found[each.partition].append(each.offset)
        return dict(found)


@dataclass
class LogWorld:
    """One adapter with a topic of its own, and all that a test starts on it."""

    kind: str
    url: str
    topic: str
    partitions: int
    session_ms: int
    log: AnyLog
    subscriptions: list[AnySubscription] = field(default_factory=list[AnySubscription])
    logs: list[AnyLog] = field(default_factory=list[AnyLog])
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    @property
    def spec(self) -> TopicSpec:
        """The topic."""
        return TopicSpec(self.topic, self.partitions)

    @property
    def specs(self) -> list[TopicSpec]:
        """The topic, and that of the keys where values are sealed."""
        return specs(self.kind, self.topic, self.partitions)

    async def another_log(self, *, session_ms: int | None = None) -> AnyLog:
        """Return another, independent connection to the same log."""
        log = open_log(self.kind, self.url, session_ms or self.session_ms)
        self.logs.append(log)
        await log.start()
        await log.ensure_topics(self.specs)
        return log

    async def member(
        self, handler: Remembering, *, group: str = "g", max_records: int = 500, log: AnyLog | None = None
    ) -> AnySubscription:
        """Start a member of *group* and return it."""
        subscription = (log or self.log).subscribe(self.topic, group, handler, max_records=max_records)
        self.subscriptions.append(subscription)
        await subscription.start()
        return subscription

    def member_process(self, ledger: Path, *, group: str = "g") -> subprocess.Popen[bytes]:
        """Start a member of *group* in a process of its own that writes ``partition offset`` lines to *ledger*."""
        arguments = [self.kind, self.url, self.topic, group, str(ledger)]
        numbers = [str(self.partitions), str(self.session_ms)]
        process = subprocess.Popen(  # noqa: S603 -- our own module
            [sys.executable, "-m", "tests.contracts.log_member", *arguments, *numbers],
            cwd=Path(__file__).resolve().parents[2],
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    async def committed(self, group: str) -> Mapping[int, int]:
        """Return the hints of *group*."""
        log = self.log.inner if isinstance(self.log, SealedLog) else self.log
        return await cast("EmbeddedLog | KafkaLog", log).committed(self.topic, group)

    async def append(self, count: int, *, prefix: str = "k") -> list[Record]:
        """Append *count* records with keys of their own and return them."""
        records = [Record(self.topic, f"{prefix}{each}", f"value {each}".encode()) for each in range(count)]
        await self.log.append(records)
        return records

    def keys_for(self, partition: int, count: int) -> list[str]:
        """Return *count* keys that all lie in *partition*."""
        found: list[str] = []
        number = 0
        while len(found) < count:
            if self.log.partition_for(self.topic, f"p{number}") == partition:
                found.append(f"p{number}")
            number += 1
        return found

    async def close(self) -> None:
        """End all that was started."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for subscription in self.subscriptions:
            await asyncio.wait_for(subscription.stop(), PATIENCE_S)
        for log in (self.log, *self.logs):
            await log.close()


class Every(Container[str]):
    """Holds every topic."""

    def __contains__(self, topic: object) -> bool:
        """Return that it does, but for that of the keys."""
        return topic != SEALING_KEYS.name


def specs(kind: str, topic: str, partitions: int) -> list[TopicSpec]:
    """Return what a log of *kind* needs for *topic*."""
    keys = [TopicSpec(SEALING_KEYS.name, 2, compacted=True)] if kind == "sealed" else []
    return [TopicSpec(topic, partitions), *keys]


def bare_subscription(subscription: AnySubscription) -> EmbeddedSubscription | KafkaSubscription:
    """Return the subscription of the adapter itself."""
    inner = subscription.inner if isinstance(subscription, SealedSubscription) else subscription
    return cast("EmbeddedSubscription | KafkaSubscription", inner)


def open_log(kind: str, url: str, session_ms: int) -> AnyLog:
    """Return a log of *kind* that is not started; a member silent for *session_ms* counts as dead."""
    if kind == "embedded":
        return EmbeddedLog(url, lease_ms=session_ms)
    if kind == "sealed":
        inner, store = EmbeddedLog(url, lease_ms=session_ms), Store(url)
        return SealedLog(inner, KeyRing(inner, store, now_ms), store, Every())
    return KafkaLog(KafkaSettings(bootstrap_servers=url, session_timeout_ms=session_ms))


def read_ledger(file: Path) -> dict[int, int]:
    """Return the last offset that a member process wrote for each partition."""
    found: dict[int, int] = {}
    if file.exists():
        for line in file.read_text().splitlines():
            partition, offset = line.split()
            found[int(partition)] = int(offset)
    return found
