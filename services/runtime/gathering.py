"""
Calls of many callers to one far side leave together while another call is under way.

Nobody waits while none is under way, and hardly anybody longer than LONGEST_WAIT_S: a slow far side gets several
calls at a time, a quick one few large ones. Whoever leaves first makes the call; the others go with it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

LONGEST_WAIT_S = 0.02
MOST_CALLS = 8
"""So many calls may be under way; from then on everybody waits for one to end."""


@dataclass(slots=True)
class Parcel(Generic[Asked, Answer]):
    """What one caller asks. `settled` gets the answers, an error, or None: then it makes the next call itself."""

    items: Sequence[Asked]
    settled: asyncio.Future[Sequence[Answer] | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Gathering(Generic[Asked, Answer]):
    """
    One kind of call to one far side.

    Args:
        call: Makes the call for the items of one or more callers and returns each one's answers, in order.
            A caller whose answers are an exception gets that; an exception out of it is for all of them.
        most: The most items of a call, unless one caller alone asks for more.
    """

    def __init__(
        self,
        call: Callable[[Sequence[Sequence[Asked]]], Awaitable[Sequence[Sequence[Answer] | Exception]]],
        *,
        most: int,
    ) -> None:
        self._call = call
        self._most = most
        self._waiting: deque[Parcel[Asked, Answer]] = deque()
        self._under_way = 0
        self._left_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, items: Sequence[Asked]) -> Sequence[Answer]:
        """Return the answers to *items*; raises what the call raised. Who is cancelled doesn't stop the others."""
        parcel = Parcel[Asked, Answer](items)
        self._waiting.append(parcel)
        if self._under_way:
            answers = await self._turn_of(parcel)
            if answers is not None:
                return answers
        else:
            self._under_way += 1
        return await self._lead(parcel)

    async def _turn_of(self, parcel: Parcel[Asked, Answer]) -> Sequence[Answer] | None:
        self._arm()
        try:
            return await parcel.settled
        except asyncio.CancelledError:
            if _called(parcel.settled):
                self._waiting.remove(parcel)
                self._ended()  # it was to make the next call: another one does
            raise

    async def _lead(self, parcel: Parcel[Asked, Answer]) -> Sequence[Answer]:
        """Make the call for *parcel* and those that fit in with it."""
        self._waiting.remove(parcel)
        parcels = [parcel, *self._load(len(parcel.items))]
        self._left_at = asyncio.get_running_loop().time()
        self._arm()
        try:
            answers = await self._call([each.items for each in parcels])
        except Exception as error:
            _settle(parcels[1:], [error] * (len(parcels) - 1))
            raise
        except BaseException:
            # Only this caller is cancelled. What was done for the others isn't known; asking twice is harmless.
            self._waiting.extendleft(each for each in reversed(parcels[1:]) if not each.settled.done())
            raise
        finally:
            self._ended()
        _settle(parcels[1:], answers[1:])
        if isinstance(answers[0], Exception):
            raise answers[0]
        return answers[0]

    def _load(self, size: int) -> list[Parcel[Asked, Answer]]:
        """Take from those that wait who fits in, in their order; who was cancelled or called stays out."""
        taken: list[Parcel[Asked, Answer]] = []
        kept: deque[Parcel[Asked, Answer]] = deque()
        for each in self._waiting:
            if each.settled.done():
                if not each.settled.cancelled():
                    kept.append(each)
            elif size + len(each.items) <= self._most:
                taken.append(each)
                size += len(each.items)
            else:
                kept.append(each)
        self._waiting = kept
        return taken

    def _ended(self) -> None:
        self._under_way -= 1
        self._hand_on()

    def _hand_on(self) -> None:
        """Let the first that waits make a call."""
        if self._under_way >= MOST_CALLS:
            return
        for each in self._waiting:
            if not each.settled.done():
                self._under_way += 1
                self._left_at = asyncio.get_running_loop().time()
                each.settled.set_result(None)
                break

    def _arm(self) -> None:
        """See to it that whoever waits leaves in time, though the call under way may take longer."""
        if self._timer is None and any(not each.settled.done() for each in self._waiting):
            due = self._left_at + LONGEST_WAIT_S
            self._timer = asyncio.get_running_loop().call_at(due, self._due)

    def _due(self) -> None:
        self._timer = None
        if asyncio.get_running_loop().time() < self._left_at + LONGEST_WAIT_S:
            self._arm()  # another call has left meanwhile
        else:
            self._hand_on()


def _called(settled: asyncio.Future[Any]) -> bool:
    """Return whether the caller was told to make the next call itself."""
    return settled.done() and not settled.cancelled() and not settled.exception() and settled.result() is None


def _settle(
    parcels: Sequence[Parcel[Asked, Answer]], answers: Sequence[Sequence[Answer] | Exception]
) -> None:
    for parcel, answer in zip(parcels, answers, strict=True):
        if parcel.settled.done():
            continue
        if isinstance(answer, Exception):
            parcel.settled.set_exception(answer)
        else:
            parcel.settled.set_result(answer)
