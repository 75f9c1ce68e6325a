"""Runs scenarios, many at once, on one stage; kills the service in between; sweeps at the end; judges."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import orjson

from schemas.topics import DEAD_LETTERS, DECISIONS, LEAD_CHANGES
from services.cli.stage.books import Books
from services.cli.stage.quiet import NotQuiet, quiet
from services.cli.stage.stage import Stage
from services.sync.adapters.sandbox.faults import Faults
from services.sync.adapters.sweep_orders import SweepOrders
from services.sync.application.orders import Order
from tests.integration.company_world import with_companies
from tests.model.hands import Hands
from tests.model.judge import Finding, Judge
from tests.model.steps import Step
from tests.waiting import wait_until

SWEPT = {"hubspot": ("contact", "company"), "salesforce": ("Lead", "Contact", "Account")}
AT_MOST_S = 180
"""So long after the last act all is at quiet, or something goes round."""
FAULTY = Faults(
    too_many_requests=0.05,
    server_error=0.02,
    reset=0.01,
    duplicate=0.05,
    shuffle=0.05,
    lock_row=0.01,
    stream_abort=0.02,
)
FIRM = with_companies(
    sync={
        "clock_skew": "0s",
        "reconcile": False,
        "reconcile_grace": "0s",
        "reconcile_overlap": "0s",
    },
    assignment={
        "sdr": ["sato@sandbox.example", "suzuki@sandbox.example"],
        "bdr": ["tanaka@sandbox.example"],
        "field_sales": ["suzuki@sandbox.example", "tanaka@sandbox.example"],
        "account_owner": "company_owner",
    },
)


@dataclass
class Report:
    """What was done, and found; `found` by the scenario's steps."""

    runs: int = 0
    acts: Counter[str] = field(default_factory=Counter[str])
    refused: int = 0
    kills: int = 0
    leads: int = 0
    echoes: Counter[str] = field(default_factory=Counter[str])
    drift: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0
    found: list[tuple[Finding, Sequence[Step]]] = field(default_factory=list[tuple[Finding, Sequence[Step]]])


class World:
    """A stage and its books, used by one batch of scenarios after the other, until it is `restless`."""

    def __init__(self, stage: Stage, books: Books, http: httpx2.AsyncClient) -> None:
        self.stage = stage
        self.books = books
        self._http = http
        self._judge = Judge(stage)
        self.restless = False
        self.players: dict[str, Hands] = {}
        self._number = 0
        self._read: dict[tuple[str, int], int] = {}
        self._logged = 0

    async def batch(
        self, scenarios: Sequence[Sequence[Step]], random: Random, *, faults: Faults | None, kills: int
    ) -> list[tuple[Finding, Sequence[Step]]]:
        """Play *scenarios* at once, and return what is wrong at quiet."""
        self._number += 1
        hands = {f"s{self._number}-{place}": steps for place, steps in enumerate(scenarios)}
        players = {tag: Hands(self.stage, tag) for tag in hands}
        for desk in (self.stage.hubspot.desk, self.stage.salesforce.desk):
            desk.faults.set((faults or Faults()).model_copy(update={"seed": random.randrange(2**30)}))
        before = await self.status()
        playing = asyncio.gather(*(players[tag].play(steps) for tag, steps in hands.items()))
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.05, 0.8))
            await self.stage.ready()
            await asyncio.sleep(random.uniform(0.05, 0.5))
            await self.stage.kill_service()
        await playing
        for desk in (self.stage.hubspot.desk, self.stage.salesforce.desk):
            desk.faults.set(Faults())
        self.players = players
        try:
            await self._at_quiet()
            writes = self._written()
            await self._sweep()
            await self._at_quiet()
        except NotQuiet as error:
            self.restless = True
            found = [Finding(tag, "restless", str(error)) for tag in await self._waiting()]
        else:
            found = await self._found(hands)
            found += await self._drifted()
            found += self._of_all(before, await self.status(), writes)
        return [(each, hands.get(each.tag, ())) for each in found]

    async def _waiting(self) -> set[str]:
        """Return the scenarios of the leads that a side still waits for; of nobody if it is something else."""
        ids = set(await self.books.waiting())
        return {self._judge.tag_of(lead) async for lead in self.books.leads() if lead.id in ids} or {""}

    async def _drifted(self) -> list[Finding]:
        """Return what the sweep found."""
        found: list[Finding] = []
        leads = {lead.id: lead async for lead in self.books.leads()}
        for event in await self._new_events(DECISIONS.name):
            lead = leads.get(event["subject"])
            if event["type"] != "tasuki.decision.drift-found.v1" or lead is None:
                continue
            tag = self._judge.tag_of(lead)
            differences = [
                (each["field"], each["believed"], each["found"]) for each in event["data"]["differences"]
            ]
            found.append(Finding(tag, "drift", f"{event['data']['ref']['object']} {differences} ({lead.id})"))
        return found

    async def _at_quiet(self) -> None:
        await self.stage.ready()
        await quiet([self.stage.ma, self.stage.sfa], self.books, within_s=60, most_s=AT_MOST_S)

    async def _found(self, hands: Mapping[str, Sequence[Step]]) -> list[Finding]:
        leads = {lead.id: lead async for lead in self.books.leads()}
        found = self._judge.findings(hands, list(leads.values()))
        leads |= {each: lead for lead in leads.values() for each in lead.taken_over}
        for letter in [each["data"] for each in await self._new_events(DEAD_LETTERS.name)]:
            lead = leads.get(letter["key"])
            tag = "" if lead is None else self._judge.tag_of(lead)
            if not _may_be_refused(hands.get(tag, ())):
                found.append(Finding(tag, "letter", f"{letter['reason']}: {letter['detail']}"))
        for line in self._new_lines():
            if line.get("event") in {"write.looped", "echo.mistaken"}:
                lead = leads.get(line["lead_id"])
                if lead is not None:
                    tag = self._judge.tag_of(lead)
                    found.append(Finding(tag, line["event"], f"{line['field']} of {line['lead_id']}"))
        return found

    def _of_all(self, before: Mapping[str, Any], after: Mapping[str, Any], writes: int) -> list[Finding]:
        found: list[Finding] = []
        if self._written() != writes and after["drift"] == before["drift"]:
            found.append(Finding("", "unquiet", f"{self._written() - writes} writes after the sweep"))
        return found

    def _written(self) -> int:
        desks = (self.stage.hubspot.desk, self.stage.salesforce.desk)
        return sum(int(each.stats()["writes"]) for each in desks)

    async def status(self) -> Mapping[str, Any]:
        """Return what the service says of itself."""
        answer = await self._http.get(f"{self.stage.base_url}/status")
        answer.raise_for_status()
        return answer.json()

    async def _sweep(self) -> None:
        before = await self._swept_at()
        for system, objects in SWEPT.items():
            for name in objects:
                await SweepOrders(self.books.store).order(Order(system, name, "ordered", 0))

        async def swept() -> bool:
            now = await self._swept_at()
            return all(
                at is not None and at != before.get(key) for key, at in now.items() if key[1] in _NAMES
            )

        await wait_until(swept, within_s=30, every_s=0.05, description="all is swept")

    async def _swept_at(self) -> dict[tuple[str, str], int | None]:
        sweeps = (await self.status())["sweeps"] or ()
        return {(each["system"], each["object"]): each["ended_at"] for each in sweeps}

    async def changes(self, text: str) -> list[dict[str, Any]]:
        """Return all changes of the leads whose ids stand in *text*, as they stand in the log."""
        topic, found = LEAD_CHANGES.name, list[dict[str, Any]]()
        for partition, bounds in (await self.books.log.offsets(topic)).items():
            begin = bounds.begin
            while begin < bounds.end and (records := await self.books.log.read(topic, partition, begin)):
                found += [orjson.loads(each.value or b"{}") for each in records if (each.key or "?") in text]
                begin = records[-1].offset + 1
        return found

    async def _new_events(self, topic: str) -> list[dict[str, Any]]:
        """Return what was told on *topic* since it was asked last."""
        found: list[dict[str, Any]] = []
        for partition, bounds in (await self.books.log.offsets(topic)).items():
            begin = self._read.get((topic, partition), bounds.begin)
            while begin < bounds.end:
                records = await self.books.log.read(topic, partition, begin)
                if not records:
                    break
                found += [orjson.loads(each.value or b"{}") for each in records]
                begin = records[-1].offset + 1
            self._read[topic, partition] = begin
        return found

    def _new_lines(self) -> list[dict[str, Any]]:
        lines = self.stage.service_log.read_bytes().splitlines()
        new, self._logged = lines[self._logged :], len(lines)
        return [orjson.loads(each) for each in new if each.startswith(b"{") and each.endswith(b"}")]


_NAMES = {name for names in SWEPT.values() for name in names}


def _may_be_refused(steps: Sequence[Step]) -> bool:
    """Return whether a vendor may refuse what tasuki writes: an address may be another's there, a record gone."""
    return any(
        each.act.partition("-")[0] in {"address", "swap", "merge", "restore", "delete", "close", "unite"}
        for each in steps
    )


@asynccontextmanager
async def world(folder: Path) -> AsyncGenerator[World]:
    """Give a world whose parts live in *folder*."""
    async with (
        Stage(folder, overrides=FIRM) as stage,
        stage.open_books() as books,
        httpx2.AsyncClient(timeout=10) as http,
    ):
        yield World(stage, books, http)


async def play(
    world: World,
    report: Report,
    batches: Sequence[tuple[Sequence[Sequence[Step]], int, Faults | None]],
    random: Random,
) -> None:
    """Play *batches* (scenarios, kills, faults) and add to *report*."""
    for scenarios, kills, faults in batches:
        began = time.monotonic()
        found = await world.batch(scenarios, random, faults=faults, kills=kills)
        report.found += found
        report.runs += len(scenarios)
        report.acts.update(each.act for steps in scenarios for each in steps)
        report.refused += sum(len(each.refused) for each in world.players.values())
        report.seconds += time.monotonic() - began


async def close(world: World, report: Report) -> None:
    """Add to *report* what is known of a stage only at its end."""
    report.kills += world.stage.kills
    status = await world.status()
    report.echoes.update(status["echoes"])
    report.drift.update(status["drift"])
