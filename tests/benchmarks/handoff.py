"""
Handoff latency: webhook accepted by the door → the request leaves for the sales tool, open loop, lead by lead.

Leads qualify at the instants of a schedule, whether the service keeps up or not. Each lead's own latency is
taken from what the service logs when its request leaves; the steps in between from the log's records. The
sandboxes live in this process, and all processes share this machine: see the CPU figures.
"""

import argparse
import asyncio
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import orjson

from schemas.topics import INBOX, LEAD_CHANGES
from services.cli.stage.books import Books
from services.cli.stage.quiet import quiet
from services.cli.stage.stage import Stage
from services.runtime.clock import now_ms
from services.sync.adapters.filling_orders import FillingOrders
from services.sync.adapters.sandbox.admin import Act
from services.sync.adapters.sandbox.faults import Faults
from services.sync.application.backfill import FillingOrder

RATES = (17, 50, 100)
SECONDS = 20
BESIDE_BACKFILL = 3.0
"""Leads a second; each takes some three calls to HubSpot, whose limit is 19 a second."""
WARM_UP_S = 3
SHARES = (0.5, 0.9, 0.99, 0.999)
_EVENTS = re.compile(r'tasuki_notifications_total\{system="hubspot"\} ([0-9.e+]+)')
_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Way:
    """One lead's way through the service, epoch ms: due by the schedule, accepted by the door, …, sent."""

    due: int
    accepted: int
    logged: int
    observed: int
    started: int
    sent: int


STEPS: Mapping[str, tuple[str, str]] = {
    "accepted → leaves": ("accepted", "sent"),
    "due → leaves": ("due", "sent"),
    "  door": ("accepted", "logged"),
    "  observe": ("logged", "observed"),
    "  decide": ("observed", "started"),
    "  dispatch": ("started", "sent"),
}
"""
What is shown, from which instant to which. The schedule's row holds the sandbox's and the door's waits too.

The door ends when the notification is about to be appended, observe when the observation is relayed, decide
when dispatch is about to append what it starts.
"""


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks handoff")
    parser.add_argument("--rate", type=float, nargs="+", default=list(RATES), help="leads a second")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--backfill", type=int, help="records that the tools hold, and that are filled in")
    parser.add_argument(
        "--unlimited", action="store_true", help="beside a backfill: without HubSpot's limits"
    )
    options = parser.parse_args(arguments)
    if options.backfill is not None:
        rate = options.rate[0] if options.rate != list(RATES) else BESIDE_BACKFILL
        asyncio.run(
            measure_beside_backfill(rate, options.seconds, options.backfill, limits=not options.unlimited)
        )
        return
    for rate in options.rate:
        asyncio.run(measure(rate, options.seconds))


async def measure(rate: float, seconds: float) -> None:
    """Let leads qualify at *rate* a second for *seconds*, and print what became of them."""
    with tempfile.TemporaryDirectory(prefix="tasuki-bench-") as folder:
        overrides = {"logs": {"level": "debug"}}
        async with Stage(Path(folder), overrides=overrides) as stage:
            await _qualify(stage, "warm", rate, WARM_UP_S)
            async with stage.open_books() as books:
                await quiet([stage.ma, stage.sfa], books, within_s=120)
                before, began = await _webhook_events(stage), time.perf_counter()
                spent = _cpu_s(stage)
                due = await _qualify(stage, "run", rate, seconds)
                took = time.perf_counter() - began
                during = await _webhook_events(stage) - before
                await quiet([stage.ma, stage.sfa], books, within_s=120)
                spent = {name: each - spent[name] for name, each in _cpu_s(stage).items()}
                ways = await _ways(books, due, _sent(stage.service_log))
    print(
        f"\n{len(due)} leads at {len(due) / took:.0f}/s, {during / took:.0f} webhook events/s accepted meanwhile; "
        f"{len(due) - len(ways)} without a handoff"
    )
    _show(ways)
    print(
        "CPU ms a lead: " + ", ".join(f"{name} {each / len(due) * 1000:.1f}" for name, each in spent.items())
    )


async def measure_beside_backfill(rate: float, seconds: float, records: int, *, limits: bool) -> None:
    """
    Measure handoffs, first alone, then while *records* are filled in.

    Without HubSpot's *limits* the backfill takes all the processor that it is let.
    """
    with tempfile.TemporaryDirectory(prefix="tasuki-bench-") as folder:
        async with Stage(Path(folder), overrides={"logs": {"level": "debug"}}, limits=limits) as stage:
            _settle(stage, records // 2)
            await _qualify(stage, "warm", rate, WARM_UP_S)
            async with stage.open_books() as books, httpx2.AsyncClient(base_url=stage.base_url) as http:
                await asyncio.sleep(WARM_UP_S)
                for prefix in ("alone", "beside"):
                    if prefix == "beside":
                        await FillingOrders(books.store).order(FillingOrder(now_ms()))
                        await asyncio.sleep(2 * WARM_UP_S)
                    began, before = time.perf_counter(), await _filled(http)
                    due = await _qualify(stage, prefix, rate, seconds)
                    filled = (await _filled(http) - before) / (time.perf_counter() - began)
                    ways = await _all_sent(stage, books, due)
                    print(
                        f"\n{prefix}: {len(due)} leads at {rate:g}/s, {len(due) - len(ways)} without a handoff; "
                        f"{filled:.0f} of {records} records a second filled in meanwhile"
                    )
                    _show(ways)
            held = [each for each in (await stage.metrics()).splitlines() if each.startswith("tasuki_quota")]
            requests = stage.hubspot.desk.stats()["requests"].values()
            print("\nquota:", *held, sep="\n  ")
            print("HubSpot's answers 429:", sum(int(each.get("429", 0)) for each in requests))


def _settle(stage: Stage, each_side: int) -> None:
    """Let each tool hold *each_side* persons, half of them the same ones, of whom nobody tells."""
    for desk in (stage.hubspot.desk, stage.salesforce.desk):
        desk.faults.set(Faults(untold=1))
    for number in range(each_side):
        contact = {"email": f"old-{number}@firm.example", "lastname": "佐藤", "company": "株式会社旧"}
        stage.hubspot.desk.act(Act(act="create", object="contact", fields={**contact}))
        there = f"old-{number + each_side // 2}@firm.example"
        lead = {"Email": there, "LastName": "佐藤", "Company": "株式会社旧"}
        stage.salesforce.desk.act(Act(act="create", object="Lead", fields={**lead}))
    for desk in (stage.hubspot.desk, stage.salesforce.desk):
        desk.faults.set(Faults())


async def _all_sent(stage: Stage, books: Books, due: Mapping[str, int]) -> list[Way]:
    """Return the ways of the leads that are due, once all were sent or a minute is over."""
    until = time.perf_counter() + 60
    while True:
        ways = await _ways(books, due, _sent(stage.service_log))
        if len(ways) >= len(due) or time.perf_counter() > until:
            return ways
        await asyncio.sleep(1)


async def _filled(http: httpx2.AsyncClient) -> int:
    """Return how many records the filling has listed."""
    filling = (await http.get("/status", timeout=30)).json()["backfill"]
    return 0 if filling is None else sum(each for each in filling["read"].values())


def _show(ways: Sequence[Way]) -> None:
    """Print how long the steps took."""
    print(_row("ms", [f"p{share * 100:g}" for share in SHARES]))
    for name, (start, end) in STEPS.items():
        times = sorted(getattr(each, end) - getattr(each, start) for each in ways)
        print(_row(name, [f"{_percentile(times, share):,}" for share in SHARES]))


def _row(name: str, cells: Sequence[str]) -> str:
    return f"{name:<20}" + "".join(f"{each:>9}" for each in cells)


def _percentile(times: Sequence[int], share: float) -> int:
    return times[min(len(times) - 1, int(share * len(times)))] if times else 0


async def _qualify(stage: Stage, prefix: str, rate: float, seconds: float) -> dict[str, int]:
    """Make leads that qualify at once, each at its own instant of the schedule; return when each was due, by id."""
    began, began_at = time.perf_counter(), now_ms()
    due: dict[str, int] = {}
    for number in range(round(rate * seconds)):
        await asyncio.sleep(max(0, began + number / rate - time.perf_counter()))
        fields = {
            "email": f"{prefix}-{number}@lead.example",
            "lastname": "山田",
            "company": "株式会社サンプル",
            "num_conversion_events": "2",
            "document_downloads": "3",
        }
        made = stage.hubspot.desk.act(Act(act="create", object="contact", fields={**fields}))
        due[made.id or ""] = began_at + round(number / rate * 1000)
    return due


async def _webhook_events(stage: Stage) -> float:
    return sum(float(each) for each in _EVENTS.findall(await stage.metrics()))


def _sent(service_log: Path) -> dict[str, tuple[int, int]]:
    """Return for each lead when its handoff left, epoch ms, and how long it had waited since its webhook, ms."""
    found: dict[str, tuple[int, int]] = {}
    for line in service_log.read_bytes().splitlines():
        if b'"handoff.sent"' in line:
            told = orjson.loads(line)
            sent = round(datetime.fromisoformat(told["timestamp"]).timestamp() * 1000)
            found.setdefault(told["lead_id"], (sent, told["waited_ms"]))
    return found


async def _ways(books: Books, due: Mapping[str, int], sent: Mapping[str, tuple[int, int]]) -> list[Way]:
    """Put together what the log's records and the service's own log tell of each lead that was handed over."""
    logged: dict[tuple[str, int], int] = {}
    async for _, appended_at, event in _events(books, INBOX.name):
        data = event["data"]
        if data["object"] == "contact":
            logged.setdefault((data["record_id"], data["received_at"]), appended_at)
    observed: dict[str, list[tuple[int, str, int]]] = {}
    started: dict[str, int] = {}
    async for lead_id, appended_at, event in _events(books, LEAD_CHANGES.name):
        data = event["data"]
        if event["type"] == "tasuki.lead.observed.v1" and data["side"] == "ma":
            seen = (data["received_at"], data["ref"]["id"], appended_at)
            observed.setdefault(lead_id, []).append(seen)
        elif event["type"] == "tasuki.lead.write-started.v1" and data["side"] == "sfa":
            started.setdefault(lead_id, data["started_at"])
    ways: list[Way] = []
    for lead_id, (told_at, waited) in sent.items():
        # The log line's own time may be a millisecond late: the notification is the one nearest to it.
        accepted, record_id, observed_at = min(
            observed[lead_id], key=lambda seen: abs(told_at - waited - seen[0])
        )
        if record_id in due:
            at = logged[record_id, accepted]
            sent_at = accepted + waited
            ways.append(Way(due[record_id], accepted, at, observed_at, started[lead_id], sent_at))
    return ways


async def _events(books: Books, topic: str) -> AsyncIterator[tuple[str, int, dict[str, Any]]]:
    """Yield the key, the instant and the event of each record of *topic*."""
    for partition in await books.log.offsets(topic):
        offset = 0
        while records := await books.log.read(topic, partition, offset, limit=_PAGE):
            offset = records[-1].offset + 1
            for each in records:
                yield each.key, each.appended_at, orjson.loads(each.value or b"null")


def _cpu_s(stage: Stage) -> dict[str, float]:
    """Return the processor time that each process took so far; Linux only, elsewhere nothing."""
    store = int((stage.server.folder / "valkey.pid").read_text(encoding="utf-8"))
    pids = {"service": stage.service_pid, "store": store, "sandboxes and this": os.getpid()}
    return {name: _spent_s(pid) for name, pid in pids.items() if pid is not None}


def _spent_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
