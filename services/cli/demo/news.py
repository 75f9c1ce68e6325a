"""Reads what the service publishes, as any other consumer of its topics would, and enters it on the board."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import orjson

from schemas.topics import ALERTS, DEAD_LETTERS, DECISIONS, LEAD_CHANGES, LIFECYCLE
from services.cli.demo.board import Board
from services.runtime.log.port import Log, LogRecord, Subscription

Json: TypeAlias = Mapping[str, Any]
_GROUP = "demo"
_PREFIX = "tasuki.lifecycle."
_NO_NEWS = {"tasuki.alert.sla-recomputed.v1", "tasuki.alert.retold.v1"}
"""Is for programs: nobody gets a message because a deadline moved."""


class _Reader:
    """A consumer that begins at the beginning, keeps no offsets, and tells each event once."""

    def __init__(self, log: Log, topic: str, told: Callable[[Json], Awaitable[None]]) -> None:
        self._log = log
        self._topic = topic
        self._told = told
        self._seen: set[str] = set()

    async def assigned(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """Begin at the beginning."""
        offsets = await self._log.offsets(self._topic)
        return {each: offsets[each].begin for each in partitions}

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Nothing is kept, so there is nothing to let go."""

    async def batch(self, partition: int, records: Sequence[LogRecord]) -> None:
        """Tell what is new."""
        del partition
        for record in records:
            event = orjson.loads(record.value or b"null")
            if event and event["id"] not in self._seen:
                self._seen.add(event["id"])
                await self._told(event)


class News:
    """Keeps the board up to date from the topics."""

    def __init__(self, log: Log, board: Board) -> None:
        self._log = log
        self.board = board
        self._subscriptions: list[Subscription] = []

    @asynccontextmanager
    async def follow(self) -> AsyncGenerator[None]:
        """Follow the topics inside the block."""
        told = {
            LIFECYCLE.name: self._lifecycle,
            DECISIONS.name: self._decided,
            DEAD_LETTERS.name: self._dead_letter,
            ALERTS.name: self._alert,
        }
        try:
            for topic, tell in told.items():
                reader = _Reader(self._log, topic, tell)
                subscription = self._log.subscribe(topic, _GROUP, reader)
                self._subscriptions.append(subscription)
                await subscription.start()
            yield
        finally:
            for each in self._subscriptions:
                await each.stop()

    async def caught_up(self) -> bool:
        """Return whether everything published so far is on the board. Raises what ended a subscription."""
        for each in self._subscriptions:
            if each.failure is not None:
                raise each.failure
            if sum((await each.lag()).values()):
                return False
        return True

    async def _lifecycle(self, event: Json) -> None:
        kind, data = event["type"].removeprefix(_PREFIX), event["data"]
        if kind == "milestone-reached.v1":
            self.board.reached.setdefault(data["milestone"], set()).add(event["subject"])
            if data["milestone"] == "mql" and data.get("previous_at") is None:
                await self._qualified(event)
        elif kind == "milestone-retracted.v1":
            self.board.reached.setdefault(data["milestone"], set()).discard(event["subject"])

    async def _qualified(self, event: Json) -> None:
        """Find when the webhook was accepted: the id of an event begins with the place of what caused it."""
        partition, offset, *_ = event["id"].split("-")
        cause = await self._log.read(LEAD_CHANGES.name, int(partition), int(offset), limit=1)
        if not cause or cause[0].value is None:
            return
        received_at = orjson.loads(cause[0].value)["data"].get("received_at")
        if received_at is not None:
            self.board.accepted(event["subject"], event["data"]["cycle"], received_at)

    async def _decided(self, event: Json) -> None:
        decisions = event["data"].get("decisions", ())  # what a sweep found is no decision
        self.board.decisions += len(decisions)
        self.board.conflicts += sum(bool(each.get("conflict")) for each in decisions)

    async def _alert(self, event: Json) -> None:
        if event["type"] not in _NO_NEWS:
            self.board.alerts_told.add(event["id"])

    async def _dead_letter(self, event: Json) -> None:
        data = event["data"]
        self.board.dead_letters.append(f"{data['reason']}: {data['detail']} ({data['origin']})")
