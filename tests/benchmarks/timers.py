"""
Alerts with many open clocks: how late, from the deadline to the topic; what a clock costs in memory; start and looks.

`tasuki kpi` runs as a process of its own on an embedded server. The clocks are written beforehand by the service's own
fold; those that come due meanwhile are told over the log.
"""

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import httpx2

from schemas.alerts import ALERT, AlertRetold, Clock, SlaRecomputed
from schemas.topics import ALERTS, LIFECYCLE
from services.kpi.app.counting import SERVICE
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from tests.benchmarks.kept import keep, keeping
from tests.benchmarks.kpi_service import PARTITIONS, PROMISE, Bench, bench, document, percentile, told
from tests.benchmarks.open_clocks import Mql, fill, lead_id, record, spread
from tests.kpi_facts import HOUR
from tests.waiting import wait_until

AHEAD_MS = 2_000
"""So long before it comes due a clock is told over the log."""
OVERDUE = 100
LOOKS = (
    "/status",
    "/metrics",
    "/kpi/clocks?state=overdue",
    "/kpi/clocks?state=open&limit=200",
    "/kpi/clocks?state=due-soon&owner=is-1%40firm.example",
    "/kpi/table?window=30d",
)
_FAR = 10_000_000


def main(options: Sequence[str] = ()) -> None:
    """Run and print."""
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks timers")
    asked.add_argument("--open", type=int, default=100_000, help="how many clocks are open")
    asked.add_argument("--due-per-second", type=int, nargs="+", default=[50, 200])
    asked.add_argument("--seconds", type=int, default=20, help="for each of the rates")
    asked.add_argument("--partitions", type=int, default=PARTITIONS)
    asked.add_argument("--change", action="store_true", help="change the promise at the end")
    keeping(asked)
    given = asked.parse_args(options)
    keep(given, asyncio.run(_run(given)))


async def _run(given: argparse.Namespace) -> dict[str, Any]:
    async with bench(partitions=given.partitions) as made:
        await _first_run(made)
        found = await _fill(made, given.open)
        found |= await _start(made)
        found["late"] = [await _rate(made, each, given.seconds) for each in given.due_per_second]
        found["looks_ms"] = await _looks(made)
        if given.change:
            found |= await _change(made, given.open)
    return found


async def _first_run(made: Bench) -> None:
    """Let the service begin its shards, as it would."""
    for number in range(20 * made.settings.log.partitions):
        await made.log.append([record(Mql(lead_id(_FAR + number), now_ms() + 30 * HOUR), number)])
    await made.process.start()
    await _caught_up(made)
    await made.stop()


async def _fill(made: Bench, count: int) -> dict[str, Any]:
    empty, began = await made.used_bytes(), time.perf_counter()
    await fill(made, spread(count, now_ms()))
    took = time.perf_counter() - began
    grown = await made.used_bytes() - empty
    parts = await _bytes(made)
    each = ", ".join(f"{name} {size:,.0f}" for name, size in parts.items())
    print(
        f"{count:,} clocks open after {took:.0f} s; the server's memory grew by {grown / count:,.0f} B for each lead"
    )
    print(f"bytes for each, by the server's own count of its keys: {each}")
    return {"open": count, "bytes_each": grown / count, "bytes": parts}


async def _start(made: Bench) -> dict[str, Any]:
    """Start the service with some clocks that came due while it was away."""
    due_at = now_ms() + 1_000
    await fill(made, (Mql(lead_id(2 * _FAR + number), due_at) for number in range(OVERDUE)))
    await asyncio.sleep(max(0, due_at - now_ms()) / 1000)
    place = await _ends(made)
    began = now_ms()
    await made.process.start()
    alerts = await _alerts(made, place, OVERDUE)
    first, last = (each - began for each in (alerts[0][0], alerts[-1][0]))
    print(
        f"start of the process to the first alert of {OVERDUE} that came due before: {first:,} ms, to the last {last:,} ms"
    )
    return {"start_to_first_ms": first, "start_to_last_ms": last}


async def _rate(made: Bench, rate: int, seconds: int) -> dict[str, Any]:
    place, count, first = await _ends(made), rate * seconds, 3 * _FAR + rate * _FAR
    spent, base = made.cpu_s(), now_ms() + AHEAD_MS + 1_000
    mqls = [Mql(lead_id(first + number), base + number * 1000 // rate) for number in range(count)]
    while mqls:
        ready = [each for each in mqls[:rate] if each.due_at - AHEAD_MS <= now_ms()]
        if ready:
            await made.log.append([record(each, first) for each in ready])
            mqls = mqls[len(ready) :]
        await asyncio.sleep(0.1)
    found = await _alerts(made, place, count, within_s=AHEAD_MS / 1000 + 120)
    spent = {name: each - spent[name] for name, each in made.cpu_s().items()}
    worked_out = [each.late_ms for _, each in found]
    late = [at - each.due_at for at, each in found]
    print(f"\n{rate} a second come due, for {seconds} s:")
    print(f"deadline -> the alert is about to be committed: {told(worked_out)}")
    print(f"deadline -> the alert stands on its topic:      {told(late)}")
    print(
        "CPU ms for each alert: "
        + ", ".join(f"{name} {each / count * 1000:.2f}" for name, each in spent.items())
    )
    shares = {f"p{share * 100:g}": percentile(late, share) for share in (0.5, 0.99, 0.999)}
    return {"due_per_second": rate, "seconds": seconds, **shares, "most": max(late)}


async def _looks(made: Bench) -> dict[str, float]:
    found: dict[str, float] = {}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{made.process.port}", timeout=60) as http:
        for path in LOOKS:
            times: list[float] = []
            for _ in range(3):
                began = time.perf_counter()
                (await http.get(path)).raise_for_status()
                times.append((time.perf_counter() - began) * 1000)
            found[path] = sorted(times)[1]
    print(
        "\nlooks, ms, the middle of three: " + ", ".join(f"{path} {each:.0f}" for path, each in found.items())
    )
    return found


async def _change(made: Bench, count: int) -> dict[str, Any]:
    """Start the service anew with another budget, while clocks come due; until all are worked out by it."""
    await made.stop()
    promise = {**PROMISE, "targets": [{"within": "25h"}]}
    partitions = made.settings.log.partitions
    text = document(made.folder, made.process.port, partitions, [promise])
    made.process.config.write_text(text, encoding="utf-8")
    server, began = made.cpu_s()["server"], time.perf_counter()
    await made.process.start()
    shards = [ShardId(SERVICE, LIFECYCLE.name, each) for each in range(partitions)]

    async def done() -> bool:
        return (
            await made.store.read([("GET", each.key("worked-out")) for each in shards]) == [b"2"] * partitions
        )

    await wait_until(done, within_s=3_600, every_s=0.5, description="all clocks are worked out")
    took, spent = time.perf_counter() - began, made.cpu_s()
    print(
        f"\nanother budget: all {count:,} worked out after {took:.0f} s; CPU of the service {spent['service']:.0f} s, "
        f"of the server {spent['server'] - server:.0f} s"
    )
    return {"change_s": took, "change_cpu_s": spent["service"]}


async def _caught_up(made: Bench) -> None:
    async def folded() -> bool:
        ends = await made.log.offsets(LIFECYCLE.name)
        held = [
            await made.store.ledger(ShardId(SERVICE, LIFECYCLE.name, number)) for number in range(len(ends))
        ]
        return all(
            each.begin == each.end or held[number].offset + 1 >= each.end for number, each in ends.items()
        )

    await wait_until(folded, within_s=120, description="what was told is folded")


async def _ends(made: Bench) -> dict[int, int]:
    return {number: each.end for number, each in (await made.log.offsets(ALERTS.name)).items()}


async def _alerts(
    made: Bench, place: Mapping[int, int], count: int, within_s: float = 120
) -> list[tuple[int, Clock]]:
    """Wait for *count* alerts behind *place*, and return when each was appended, with what it says, in order."""

    async def there() -> bool:
        ends = await _ends(made)
        return sum(ends[each] - place[each] for each in place) >= count

    await wait_until(there, within_s=within_s, every_s=0.2, description=f"{count} alerts")
    found: list[tuple[int, Clock]] = []
    for partition, offset in place.items():
        start = offset
        while read_now := await made.log.read(ALERTS.name, partition, start):
            start = read_now[-1].offset + 1
            for each in read_now:
                event = ALERT.validate_json(each.value or b"")
                if not isinstance(event, SlaRecomputed | AlertRetold):
                    found.append((each.appended_at, event.data))
    return sorted(found, key=lambda each: each[0])


async def _bytes(made: Bench) -> dict[str, float]:
    """Return what an open clock takes, and the lead beside it: by sorted sets, and by a sample of leads."""
    store, shards = (
        made.store,
        [ShardId(SERVICE, LIFECYCLE.name, each) for each in range(made.settings.log.partitions)],
    )
    count = sum(await store.read([("ZCARD", each.key("timers")) for each in shards]))
    sizes: dict[str, float] = {}
    for name, key in (("place in the queue", "timers"), ("on the board", "deadlines")):
        asked = [("MEMORY", "USAGE", each.key(key), "SAMPLES", 0) for each in shards]
        sizes[name] = sum(each or 0 for each in await store.read(asked)) / count
    (members,) = await store.read([("ZRANGE", shards[0].key("timers"), 0, 499)])
    leads = [each.decode().split("/", 2)[2] for each in members]
    for kind in ("clock", "lead"):
        asked = [("MEMORY", "USAGE", shards[0].key(f"{kind}:{each}")) for each in leads]
        sizes[kind] = sum(each or 0 for each in await store.read(asked)) / len(leads)
    sizes["a clock in all"] = sizes["place in the queue"] + sizes["on the board"] + sizes["clock"]
    return sizes
