"""The governor of one system's quota: all processes count their calls in the store, and the vendor's answers correct it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import structlog

from services.runtime.clock import Clock, now_ms
from services.runtime.store import Store, StoreUnavailable
from services.sync.adapters.quota.keys import QuotaKeys
from services.sync.adapters.quota.standings import standing_of
from services.sync.adapters.quota.turns import Turns
from services.sync.application.quota import (
    Admission,
    CallEnd,
    OutOfQuota,
    Refusal,
    Ticket,
    Told,
    current_priority,
)
from services.sync.domain.priority import Priority
from services.sync.domain.quota import (
    LEAST_URGENT_WITH_RESERVE,
    LOOK_MS,
    Held,
    Hold,
    Limit,
    LimitKind,
    Standing,
    holding,
    is_urgent,
    passes_reckoning,
    reason,
    reserve_for,
)

CODE: Final = (Path(__file__).parent / "quota.lua").read_text(encoding="utf-8")
LEASE_MS = 60_000
"""A call that was not settled by then has no process any more; longer than any client waits for an answer."""

LONGEST_WAIT_MS = 10_000
"""A call waits so long for its turn, HubSpot's window; what takes longer stays where it is."""

AGAIN_MS = 5_000
"""So often work that is held back asks how the limits stand: another process may have seen them change."""

LONGEST_LINE = 8
"""With so many calls waiting here no more work is begun that isn't urgent: it would only take up room."""

LINE_LOOK_MS = 100
FIRST_CLOSED_MS = 100
LONGEST_CLOSED_MS = 3_200
"""So long a limit is closed after a first refusal, and at most, where the vendor doesn't say how long."""

STORE_PATIENCE_S = 2.0
ALONE_MS = 1_000
"""After the store didn't answer, calls leave uncounted for so long before it is asked again."""

_HOLDS: Final[Mapping[str, Hold]] = {
    "closed": Hold.CLOSED,
    "turn": Hold.TURN,
    "kept": Hold.KEPT,
    "used": Hold.USED,
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the store said to a call: `held` None lets it go; `now` is the store's clock, epoch ms."""

    now: int
    held: Held | None = None


class QuotaGovernor:
    """
    See `CallMeter` and `Admitting` in services.sync.application.quota.

    With the store away every call may leave: the vendor's own refusals are the judge then.

    Args:
        system: The vendor's name.
        limits: Its limits.
        reserve_rate: Share of each limit that only opt-outs, new MQLs and handoffs may use, 0 to 0.9.
        time_zone: Of the times in texts; a limit that is whole again at midnight is so there.
        clock: For looking, epoch ms. What is counted goes by the store's own clock, the same for all.
        refused: Told of each call that waited in vain: the limit and the priority, for the metrics.
        namespace: First part of the keys; tests have their own.
        counting: In place of the store's clock, for tests.
    """

    def __init__(
        self,
        store: Store,
        *,
        system: str,
        limits: Sequence[Limit],
        reserve_rate: float,
        time_zone: str,
        clock: Clock = now_ms,
        refused: Callable[[str, Priority], None] = lambda _limit, _priority: None,
        namespace: str = "tasuki",
        counting: Clock = lambda: 0,
    ) -> None:
        self.system = system
        self._store = store
        self.limits = {each.name: each for each in limits}
        self.reserve_rate = reserve_rate
        self._time_zone = time_zone
        self._clock = clock
        self._refused = refused
        self._keys = QuotaKeys(system, namespace)
        self._counting = counting
        self._turns: defaultdict[tuple[str, ...], Turns] = defaultdict(Turns)
        self._holds: dict[Priority, int] = {}
        self._alone_until = 0

    async def take(self, limits: tuple[str, ...]) -> Ticket:
        """See `CallMeter.take`."""
        names = tuple(each for each in limits if each in self.limits)
        priority, turns = current_priority(), self._turns[names]
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LONGEST_WAIT_MS / 1000
        last: Verdict | None = None
        with turns.join(priority) as place:
            while True:
                try:
                    async with asyncio.timeout_at(deadline):
                        await turns.head(place)
                except TimeoutError:
                    raise self._out(last or self._crowded(names), priority) from None
                ticket, last = await self.attempt(names, priority)
                if last.held is None:
                    self._let_go(priority)
                    return ticket
                wait_s = (last.held.until - last.now) / 1000
                if loop.time() + wait_s > deadline:
                    raise self._out(last, priority)
                await asyncio.sleep(max(wait_s, 0.001))

    async def settle(self, ticket: Ticket, end: CallEnd) -> OutOfQuota | None:
        """See `CallMeter.settle`."""
        if ticket.id is None:
            return None
        told = {each.limit: each for each in end.told}
        arguments: list[str | int] = [int(end.answered)]
        for name in ticket.limits:
            limit = self.limits[name]
            arguments += [limit.kind.value, limit.span_ms, *_figures(told.get(name))]
            arguments += _closed_ms(end.refusal, limit)
        try:
            now, closed_ms = await self._run("settle", ticket.id, ticket.limits, arguments)
        except StoreUnavailable:
            return None
        if end.refusal is None or end.refusal.limit not in ticket.limits:
            return None
        limit = self.limits[end.refusal.limit]
        held = Held(limit, Hold.CLOSED, now + closed_ms)
        log.warning("quota.closed", system=self.system, limit=limit.name, wait_ms=closed_ms)
        return self._out(Verdict(now, held), current_priority())

    async def admits(self) -> Admission:
        """See `Admitting.admits`."""
        now = self._clock()
        for priority, until in list(self._holds.items()):
            if until > now:
                continue
            self._holds[priority] = now + LINE_LOOK_MS  # only the first to ask goes ahead and tries
            held = await self.held(priority)
            if held is None:
                return self._admission(
                    now, {each: at for each, at in self._holds.items() if each != priority}
                )
            self._holds[priority] = min(held.until, now + AGAIN_MS)
        return self._admission(now, self._holds)

    async def held(self, priority: Priority) -> Held | None:
        """Return what holds work of *priority* back for long, as all processes see it; None if unknown."""
        try:
            standings = await self.standings()
        except StoreUnavailable:
            return None
        return holding(standings, priority, self.reserve_rate, self._clock())

    async def why(self, priority: Priority) -> str | None:
        """Return `held` in words, None if nothing is."""
        held = await self.held(priority)
        return None if held is None else reason(self.system, held, self._clock(), self._time_zone)

    async def standings(self) -> list[Standing]:
        """Return how the limits stand, as all processes see it. Raises StoreUnavailable."""
        now, names = self._clock(), tuple(self.limits)
        replies = await self._store.read(self._keys.look(names, now))
        return [
            standing_of(limit, *replies[3 * place : 3 * place + 3], now=now)
            for place, limit in enumerate(self.limits.values())
        ]

    @property
    def reads_wait(self) -> bool:
        """Whether even urgent work waits here at present, so that what must be read can't be."""
        return any(is_urgent(each) for each in self._holds)

    def _admission(self, now: int, holds: Mapping[Priority, int]) -> Admission:
        waiting = sum(len(each) for each in self._turns.values())
        if not holds and waiting < LONGEST_LINE:
            return Admission()
        least = Priority(min(holds) - 1) if holds and min(holds) > Priority.CONSENT else None
        if not holds:
            return Admission(LEAST_URGENT_WITH_RESERVE, now + LINE_LOOK_MS)
        return Admission(least, min(holds.values()))

    async def attempt(self, names: tuple[str, ...], priority: Priority) -> tuple[Ticket, Verdict]:
        """Count a call if there is room now; says what is in the way otherwise."""
        if self._clock() < self._alone_until:
            return Ticket(), Verdict(0)
        arguments: list[str | int | float] = [
            int(priority),
            reserve_for(priority, self.reserve_rate),
            int(passes_reckoning(priority)),
            LOOK_MS,
        ]
        for name in names:
            limit = self.limits[name]
            arguments += [limit.kind.value, -1 if limit.most is None else limit.most, limit.span_ms]
        ticket = Ticket(uuid4().hex, names)
        try:
            now, *refused = await self._run("take", ticket.id or "", names, arguments)
        except StoreUnavailable as error:
            self._alone_until = self._clock() + ALONE_MS
            log.warning("quota.unshared", system=self.system, error=type(error).__name__)
            return Ticket(), Verdict(0)
        if not refused:
            return ticket, Verdict(now)
        place, why, until = refused
        return ticket, Verdict(now, Held(self.limits[names[place - 1]], _HOLDS[why.decode()], until))

    async def _run(
        self, verb: str, call: str, names: tuple[str, ...], arguments: Sequence[str | int | float]
    ) -> list[Any]:
        """Run the script; return what it answered without its first word."""
        try:
            async with asyncio.timeout(STORE_PATIENCE_S):
                reply = await self._store.run_script(
                    CODE, self._keys.of(names), [verb, self._counting(), call, LEASE_MS, *arguments]
                )
        except TimeoutError as error:
            raise StoreUnavailable("the store did not count a call in time") from error
        return reply[1:]

    def _out(self, verdict: Verdict, priority: Priority) -> OutOfQuota:
        """Return what to raise, and hold work of *priority* back from now on."""
        held = verdict.held
        if held is None:
            raise AssertionError("a call that is let go isn't out of quota")
        wait_ms = max(1, held.until - verdict.now)
        now = self._clock()
        if priority not in self._holds:
            log.info("quota.held", system=self.system, limit=held.limit.name, kind=priority.name.lower())
        self._holds[priority] = now + min(wait_ms, AGAIN_MS)
        self._refused(held.limit.name, priority)
        text = reason(self.system, held, verdict.now, self._time_zone)
        return OutOfQuota(text, limit=held.limit.name, until=now + wait_ms, retry_after_ms=wait_ms)

    def _crowded(self, names: tuple[str, ...]) -> Verdict:
        now = self._clock()
        return Verdict(now, Held(self.limits[names[0]], Hold.TURN, now + LINE_LOOK_MS))

    def _let_go(self, priority: Priority) -> None:
        for each in [each for each in self._holds if each <= priority]:
            del self._holds[each]


def _figures(told: Told | None) -> tuple[int, int]:
    if told is None:
        return -1, -1
    return -1 if told.most is None else told.most, max(0, told.left)


def _closed_ms(refusal: Refusal | None, limit: Limit) -> tuple[int, int]:
    """
    Return for how long *refusal* closes *limit*, and for how long at most, when one follows the other; -1: not at all.

    As long as the vendor says. Where it doesn't, a day's limit is closed until it is worth asking again; the others
    shortly, as one refusal may be any passing fault, and for longer each time.
    """
    if refusal is None or refusal.limit != limit.name:
        return -1, -1
    if refusal.wait_ms is not None:
        told = max(refusal.wait_ms, LINE_LOOK_MS)
        return told, told
    return (LOOK_MS, LOOK_MS) if limit.kind is LimitKind.DAILY else (FIRST_CLOSED_MS, LONGEST_CLOSED_MS)
