"""
Tasks that were asked for because of an alert: each stands in the sales tool once, until its promise is over.

Asking and ending commute, and may be repeated. A task isn't what a person did, so nothing of it is counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from services.sync.domain.records import Scalar

HEAD = "alert:"
"""Begins the slot of such a task; its name follows."""

COMPLETED = "completed"
DONE: Mapping[str, Scalar] = MappingProxyType({"status": COMPLETED})
"""What is written to a task that needs no doing any more."""


class Promise(NamedTuple):
    """What a task is about; `lead_id` is the lead's id when it was asked for."""

    lead_id: str
    policy: str
    cycle: int
    round: int


@dataclass(frozen=True, slots=True)
class AskedTask:
    """
    A task that was asked for at `told_at`. `owner`: an e-mail address, "" for whoever owns the lead.

    `sent`: a write of it was begun, so it may stand there. `stands`: it was made; what it says is forgotten then.
    `closed`: it was completed by us.
    """

    promise: Promise
    told_at: int
    subject: str = ""
    body: str = ""
    owner: str = ""
    due_at: int = 0
    sent: bool = False
    stands: bool = False
    closed: bool = False

    def silent(self) -> "AskedTask":
        """Return it without what it says."""
        return replace(self, subject="", body="", owner="")


@dataclass(slots=True)
class Tasks:
    """The tasks of one lead by name, and which promises are over: since when, our clock."""

    asked: dict[str, AskedTask] = field(default_factory=dict[str, AskedTask])
    ended: dict[Promise, int] = field(default_factory=dict[Promise, int])

    def ask(self, name: str, task: AskedTask) -> None:
        """Take in that *task* is wanted; of two of one name always the same one stays."""
        known = self.asked.get(name)
        if known is None:
            self.asked[name] = task
            return
        first = min(known, task, key=_order)
        both = replace(
            first,
            sent=known.sent or task.sent,
            stands=known.stands or task.stands,
            closed=known.closed or task.closed,
        )
        self.asked[name] = both.silent() if both.stands else both

    def end(self, promise: Promise, at: int) -> None:
        """Take in that the tasks of *promise* that were asked for up to *at* are over."""
        self.ended[promise] = max(at, self.ended.get(promise, at))

    def is_over(self, task: AskedTask) -> bool:
        """Return whether *task* needs no doing any more."""
        ended_at = self.ended.get(task.promise)
        return ended_at is not None and ended_at >= task.told_at

    def unmade(self) -> Iterator[tuple[str, AskedTask]]:
        """
        Yield the slots and tasks that are to be made.

        One that is over and was begun is made all the same: it may stand there, and only so it is found and closed.
        """
        for name, task in sorted(self.asked.items()):
            if not task.stands and (task.sent or not self.is_over(task)):
                yield HEAD + name, task

    def unclosed(self) -> Iterator[tuple[str, AskedTask]]:
        """Yield the slots and tasks that are to be completed."""
        for name, task in sorted(self.asked.items()):
            if task.stands and not task.closed and self.is_over(task):
                yield HEAD + name, task

    def note_sent(self, slot: str) -> None:
        """Note that the task in *slot* may stand there from now on."""
        name = slot.removeprefix(HEAD)
        if name in self.asked:
            self.asked[name] = replace(self.asked[name], sent=True)

    def note_written(self, slot: str, fields: Mapping[str, Scalar]) -> None:
        """Note that the vendor took *fields* of the task in *slot*."""
        name = slot.removeprefix(HEAD)
        if name in self.asked:
            task = self.asked[name]
            closed = task.closed or fields.get("status") == COMPLETED
            self.asked[name] = replace(task.silent(), stands=True, closed=closed)

    def join(self, other: "Tasks") -> None:
        """Take over what was asked for of a lead that is the same person."""
        for name, task in other.asked.items():
            self.ask(name, task)
        for promise, at in other.ended.items():
            self.end(promise, at)

    def erase(self) -> None:
        """Forget what the tasks say."""
        self.asked = {name: task.silent() for name, task in self.asked.items()}


def _order(task: AskedTask) -> tuple[int, str, str, str, int]:
    return task.told_at, task.owner, task.subject, task.body, task.due_at
