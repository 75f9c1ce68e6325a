"""
The port to the quota governor: who asks before a call, who may begin work, and how urgent the present work is.

How urgent travels in the context of the task: whoever begins the work says it (`working_as`), the vendor's client
reads it where the call leaves (`current_priority`). Nothing between them needs to know.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from services.sync.application.ports import Throttled
from services.sync.domain.priority import Priority

_PRIORITY: ContextVar[Priority] = ContextVar("priority", default=Priority.EDIT)


@contextmanager
def working_as(priority: Priority) -> Generator[None]:
    """Let the calls of the block, and of the tasks made in it, count as *priority*."""
    token = _PRIORITY.set(priority)
    try:
        yield
    finally:
        _PRIORITY.reset(token)


def current_priority() -> Priority:
    """Return how urgent the present work is; EDIT where nobody said."""
    return _PRIORITY.get()


class OutOfQuota(Throttled):
    """
    There is no call left for work of this urgency; the vendor itself works, and more urgent work may go on.

    Args:
        message: Which limit, and until when, for people.
        limit: The limit's name.
        until: When it may be tried again, epoch ms.
        retry_after_ms: The same as a duration.
    """

    def __init__(self, message: str, *, limit: str, until: int, retry_after_ms: int) -> None:
        super().__init__(message, retry_after_ms=retry_after_ms)
        self.limit = limit
        self.until = until


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to one call; `id` None where nobody counts. `limits` are those that it was counted on."""

    id: str | None = None
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer's headers say of a limit: how many calls there are, and how many are left."""

    limit: str
    most: int | None
    left: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """The vendor says that a limit is used up; for how long, if it said so or its documentation does."""

    limit: str
    wait_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended. `answered` False: it isn't known whether the vendor counted it."""

    answered: bool = True
    told: Sequence[Told] = ()
    refusal: Refusal | None = None


class CallMeter(Protocol):
    """What a vendor's client asks before each call and tells after it."""

    async def take(self, limits: tuple[str, ...]) -> Ticket:
        """
        Return when a call that counts on *limits* may leave; waits for the short ones.

        Raises OutOfQuota when that is too long to wait for. With the store away everybody may call.
        """
        ...

    async def settle(self, ticket: Ticket, end: CallEnd) -> OutOfQuota | None:
        """Tell how the call ended; returns what to raise where the vendor refused it for its quota."""
        ...


@dataclass(frozen=True, slots=True)
class Admission:
    """Which work may begin: `least` is the least urgent, None for none; look again at `until` (epoch ms)."""

    least: Priority | None = Priority.BACKFILL
    until: int | None = None


class Admitting(Protocol):
    """What a dispatcher asks before it begins work on a system."""

    async def admits(self) -> Admission:
        """Return which work may begin."""
        ...


class Ungoverned:
    """No governor: everything may go, and the vendor's own refusals are the judge."""

    async def take(self, limits: tuple[str, ...]) -> Ticket:
        """See `CallMeter.take`."""
        del limits
        return Ticket()

    async def settle(self, ticket: Ticket, end: CallEnd) -> OutOfQuota | None:
        """See `CallMeter.settle`."""
        del ticket, end

    async def admits(self) -> Admission:
        """See `Admitting.admits`."""
        return Admission()


UNGOVERNED = Ungoverned()
