"""What goes wrong and when, drawn from a seed, so that a run can be repeated; and the doing of it."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from services.cli.stage.sandbox_client import SandboxClient
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
    "kill-broker": 6,
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
    broker: bool = False,
) -> list[Fault]:
    """
    Return *count* faults; the same arguments give the same.

    *pause_s* is the longest pause between two, *only* the kinds to draw from, all where none is named;
    *broker* says whether there is one to kill.
    """
    chance = Random(f"faults:{seed}")
    kinds = set(only or WEIGHTS) - set[str](() if broker else ("kill-broker",))
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
    if kind == "vendor":
        side = chance.choice(("ma", "sfa"))
        return Fault(number, pause, kind, side, chance.uniform(1, 3), chance.choice(_VENDORS))
    lasts = chance.uniform(0.5, 3) if kind.startswith(("slow", "cut")) else 0
    return Fault(number, pause, kind, lasts_s=lasts)


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
    if fault.kind == "kill":
        _member(system, fault.target).kill()
    elif fault.kind == "kill-store":
        await system.kill_store()
    elif fault.kind == "lose-answers":
        system.store_proxy.lose_answers()
    else:
        (system.store_proxy if fault.kind == "reset-store" else system.door_proxy).reset()


async def _lasting(system: System, fault: Fault) -> None:
    if fault.kind == "vendor":
        vendor: SandboxClient = system.ma if fault.target == "ma" else system.sfa
        await vendor.faults({**(fault.rates or {}), "seed": fault.number})
        await asyncio.sleep(fault.lasts_s)
        await vendor.faults({})
    elif fault.kind == "kill-broker":
        if system.broker is not None:
            await system.broker.kill()
    elif fault.kind == "stop":
        member = _member(system, fault.target)
        member.pause()
        await asyncio.sleep(fault.lasts_s)
        member.go_on()
    else:
        proxy = system.door_proxy if fault.kind == "cut-door" else system.store_proxy
        if fault.kind == "slow-store":
            proxy.late_ms = 40
        else:
            proxy.partition()
        await asyncio.sleep(fault.lasts_s)
        proxy.heal()


def _member(system: System, name: str) -> Any:
    return next(each for each in system.members if each.name == name)
