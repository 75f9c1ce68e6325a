"""What goes wrong and when, drawn from a seed, so that a run can be repeated; and the doing of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from services.cli.stage.sandbox_client import SandboxClient
from tests.chaos.broker import Broker
from tests.chaos.member import Member
from tests.chaos.proxy import Proxy
from tests.chaos.system import System

WEIGHTS: Mapping[str, int] = {
    "kill": 45,
    "stop": 12,
    "kill-store": 8,
    "reset-store": 4,
    "lose-answers": 9,
    "slow-store": 5,
    "cut-store": 5,
    "reset-door": 4,
    "cut-door": 3,
    "vendor": 9,
    "fill-disk": 4,
    "jump-clock": 6,
    "kill-broker": 6,
    "reset-broker": 4,
    "slow-broker": 4,
    "cut-broker": 4,
    "leave": 8,
}
_VENDORS: Sequence[Mapping[str, Any]] = (
    {"outage": True},
    {"server_error": 0.4},
    {"too_many_requests": 0.4},
    {"reset": 0.3},
    {"slow": 0.5, "slow_ms": 800},
    {"lock_row": 0.3},
    {"expire_session": 0.2},
    {"duplicate": 0.5, "shuffle": 0.5},
)
_JUMPS_S: Sequence[float] = (-3_600, -30, -2, 2, 30, 3_600)
_REPLACED_S = 0.5
LEASE_S = 10
"""A process that is stopped for longer loses its shards to another, and is a zombie when it goes on."""


@dataclass(frozen=True, slots=True)
class Fault:
    """After `pause_s`, `kind` happens to `target`, and lasts for `lasts_s` where it is of the kind that lasts."""

    number: int
    pause_s: float
    kind: str
    target: str = ""
    lasts_s: float = 0
    rates: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        """Return it as a line."""
        lasting = f" for {self.lasts_s:.1f} s" if self.lasts_s else ""
        rates = f" {dict(self.rates)}" if self.rates else ""
        return f"{self.number:4}  after {self.pause_s:.2f} s: {self.kind} {self.target}{rates}{lasting}"


def plan(
    seed: int,
    count: int,
    members: Sequence[str],
    *,
    pause_s: float = 4.0,
    only: Collection[str] = (),
    cant: Collection[str] = (),
) -> list[Fault]:
    """
    Return *count* faults; the same arguments give the same.

    *pause_s* is the longest pause between two, *only* the kinds to draw from, all where none is named;
    *cant* those that can't be had.
    """
    chance = Random(f"faults:{seed}")
    kinds = set(only or WEIGHTS) - set(cant)
    weights = {kind: weight for kind, weight in WEIGHTS.items() if kind in kinds}
    return [_fault(chance, number, weights, members, pause_s) for number in range(1, count + 1)]


def _fault(
    chance: Random, number: int, weights: Mapping[str, int], members: Sequence[str], pause_s: float
) -> Fault:
    pause = chance.uniform(0.1, pause_s)
    kind = chance.choices(list(weights), list(weights.values()))[0]
    if kind == "kill":
        return Fault(number, pause, kind, chance.choice(members))
    if kind == "stop":
        lasts = LEASE_S + 3 if chance.random() < 0.2 else chance.uniform(0.2, 3)
        return Fault(number, pause, kind, chance.choice(members), lasts)
    if kind == "leave":
        return Fault(number, pause, kind, chance.choice(members), chance.uniform(0.5, 8))
    if kind == "jump-clock":
        jump = {"seconds": chance.choice(_JUMPS_S)}
        return Fault(number, pause, kind, chance.choice(members), chance.uniform(1, 6), jump)
    if kind == "vendor":
        side = chance.choice(("ma", "sfa"))
        return Fault(number, pause, kind, side, chance.uniform(1, 3), chance.choice(_VENDORS))
    lasts = chance.uniform(0.5, 3) if kind.startswith(("slow", "cut", "fill")) else 0
    return Fault(number, pause, kind, lasts_s=lasts)


def scaling(most: int, hold_s: float) -> list[Fault]:
    """Return the steps from one sync and one kpi to *most* of each, each replaced once, and back to one."""
    each = [f"{service}-{number}" for number in range(1, most + 1) for service in ("sync", "kpi")]
    steps = [
        *(("come", name, 0.0) for name in each[2:]),
        *(("leave", name, _REPLACED_S) for name in each),
        *(("leave", name, 0.0) for name in reversed(each[2:])),
    ]
    return [
        Fault(number, hold_s, kind, name, lasts) for number, (kind, name, lasts) in enumerate(steps, start=1)
    ]


async def happen(system: System, faults: Sequence[Fault]) -> AsyncIterator[Fault]:
    """Let *faults* happen one after the other, those that last beside the next; yield each as it begins."""
    async with asyncio.TaskGroup() as group:
        for fault in faults:
            await asyncio.sleep(fault.pause_s)
            yield fault
            if fault.lasts_s or fault.kind == "kill-broker":
                group.create_task(_lasting(system, fault))
            else:
                await _sudden(system, fault)
    system.calm()


async def _sudden(system: System, fault: Fault) -> None:
    store = system.stores.proxy(fault.number)
    match fault.kind:
        case "kill":
            _member(system, fault).kill()
        case "come":
            _member(system, fault).come()
            await system.ready()
        case "leave":
            _member(system, fault).leave()
        case "kill-store":
            system.stores.kill(fault.number)
        case "lose-answers":
            store.lose_answers(to=b"FCALL")  # to a commit
        case "reset-store":
            store.reset()
        case "reset-broker":
            _broker(system).proxy.reset()
        case _:
            system.door_proxy.reset()


async def _lasting(system: System, fault: Fault) -> None:
    if fault.kind == "kill-broker":
        await _broker(system).kill()
        return
    heal = await _begin(system, fault)
    await asyncio.sleep(fault.lasts_s)
    await heal()


async def _begin(system: System, fault: Fault) -> Callable[[], Awaitable[None]]:
    """Let it begin; return what ends it."""
    proxy = _proxy(system, fault)
    rates = fault.rates or {}
    match fault.kind:
        case "vendor":
            vendor: SandboxClient = system.ma if fault.target == "ma" else system.sfa
            await vendor.faults({**rates, "seed": fault.number})
            return lambda: vendor.faults({})
        case "stop":
            _member(system, fault).pause()
            return _later(_member(system, fault).go_on)
        case "jump-clock":
            _member(system, fault).put_clock(rates["seconds"])
            return _later(lambda: _member(system, fault).put_clock(0))
        case "fill-disk":
            system.stores.disk.fill()
            return _later(system.stores.disk.free)
        case "leave":
            _member(system, fault).leave()
            return _later(_member(system, fault).come)
        case "slow-store" | "slow-broker":
            proxy.late_ms = 40
        case _:
            proxy.partition()
    return _later(proxy.heal)


def _later(heal: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def healed() -> None:
        heal()

    return healed


def _proxy(system: System, fault: Fault) -> Proxy:
    """Return what stands before what *fault* is about."""
    if fault.kind.endswith("door"):
        return system.door_proxy
    return _broker(system).proxy if fault.kind.endswith("broker") else system.stores.proxy(fault.number)


def _broker(system: System) -> Broker:
    assert system.broker is not None
    return system.broker


def _member(system: System, fault: Fault) -> Member:
    return next(each for each in system.members if each.name == fault.target)
