"""
Changes of figures to many listeners: from the fact's append to each client, and what that costs the fold.

`tasuki kpi` runs as a process of its own. The clients look at the dashboard's pages, in turn, and live in this process:
what they cost it is on the same machine, and in the delays.
"""

import argparse
import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from schemas.topics import LIFECYCLE
from services.kpi.app.counting import SERVICE
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.metric import Unit
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from tests.benchmarks.history import told as history
from tests.benchmarks.kept import keep, keeping
from tests.benchmarks.kpi_service import Bench, bench, percentile, told
from tests.benchmarks.open_clocks import Mql, lead_id, record
from tests.integration.feed_world import EventStream
from tests.kpi_facts import HOUR
from tests.waiting import wait_until

PAGES = (
    "metrics=leads,mqls,mqls_handled,sqls,appointments,opportunities,won,sla_attainment&window=30d&clocks=overdue",
    "window=30d&metrics="
    + ",".join(name for name, each in METRICS.items() if each.unit in {Unit.COUNT, Unit.MONEY}),
    "metrics=mqls,mqls_handled,sqls,appointments,sla_attainment&window=today&clocks=overdue",
    "metrics=mqls&window=7d&segment=role:sdr",
)
_LIVE = 50_000_000


def main(options: Sequence[str] = ()) -> None:
    """Run and print."""
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks listeners")
    asked.add_argument("--clients", type=int, default=200)
    asked.add_argument("--rate", type=int, default=10, help="facts a second")
    asked.add_argument("--seconds", type=int, default=20)
    asked.add_argument("--leads", type=int, default=2_000, help="whose facts are folded at once, each time")
    asked.add_argument("--repeats", type=int, default=2)
    keeping(asked)
    given = asked.parse_args(options)
    keep(given, asyncio.run(_run(given)))


async def _run(given: argparse.Namespace) -> dict[str, Any]:
    async with bench(promises=()) as made:
        await made.process.start()
        await _fold(made, given.leads, 0)  # so that there is something to read
        async with _listening(made, given.clients) as streams:
            found = await _delays(made, streams, given.rate, given.seconds)
        rates: dict[str, list[float]] = {"0": [], str(given.clients): []}
        for number in range(1, 2 * given.repeats + 1):
            clients = given.clients if number % 2 else 0
            async with _listening(made, clients):
                rates[str(clients)].append(await _fold(made, given.leads, number * given.leads, clients))
    return {**found, "folded_a_second_by_clients": rates}


@asynccontextmanager
async def _listening(made: Bench, clients: int) -> AsyncGenerator[list[EventStream]]:
    paths = [f"/kpi/events?{PAGES[number % len(PAGES)]}" for number in range(clients)]
    streams = [EventStream(made.process.port, each) for each in paths]
    async with AsyncExitStack() as stack:
        for each in streams:
            await stack.enter_async_context(each.open())
        await wait_until(lambda: all(each.arrived for each in streams), within_s=60, description="all listen")
        yield streams
        assert not any(each.ended for each in streams), "a client was dropped"


async def _delays(made: Bench, streams: Sequence[EventStream], rate: int, seconds: int) -> dict[str, Any]:
    """Tell so many facts a second, and find for each client when it heard of each of them."""
    loop = asyncio.get_running_loop()
    ends = {number: each.end for number, each in (await made.log.offsets(LIFECYCLE.name)).items()}
    appended: list[tuple[float, int, int]] = []
    spent, began = made.cpu_s(), loop.time() + 1
    for number in range(rate * seconds):
        await asyncio.sleep(max(0, began + number / rate - loop.time()))
        made_now = record(Mql(lead_id(_LIVE + number), now_ms() + 24 * HOUR), number)
        place = made.log.partition_for(LIFECYCLE.name, made_now.key)
        appended.append((loop.time(), place, ends[place]))
        ends[place] += 1
        await made.log.append([made_now])
    spent = {name: each - spent[name] for name, each in made.cpu_s().items()}
    last = {str(place): offset for _, place, offset in appended}
    await wait_until(
        lambda: all(_reflects(each, last) for each in streams), within_s=60, description="all have heard"
    )
    delays = [each for stream in streams for each in _heard(stream, appended)]
    print(
        f"{len(streams)} clients, {rate} facts a second: fact appended -> event at the client: {told(delays)}"
    )
    print(", ".join(f"{name} {each / seconds * 100:.0f} % of a core" for name, each in spent.items()))
    shares = {f"p{share * 100:g}_ms": percentile(delays, share) for share in (0.5, 0.99, 0.999)}
    return {"clients": len(streams), "rate": rate, **shares}


def _figures(stream: EventStream) -> list[tuple[float, dict[str, int]]]:
    return [(at, data["offsets"]) for at, event, _, data in stream.arrived if event == "figures"]


def _reflects(stream: EventStream, last: dict[str, int]) -> bool:
    _, offsets = _figures(stream)[-1]
    return all(offsets[place] >= offset for place, offset in last.items())


def _heard(stream: EventStream, appended: Sequence[tuple[float, int, int]]) -> list[float]:
    """Return for each fact after how many ms the first event came that reflects it."""
    events = _figures(stream)
    found: list[float] = []
    for told_at, place, offset in appended:
        first = bisect_left(events, offset, key=lambda each, place=place: each[1][str(place)])
        found.append((events[first][0] - told_at) * 1000)
    return found


async def _fold(made: Bench, leads: int, first: int, clients: int = 0) -> float:
    """Append the history of *leads* leads at once; return how many facts a second were folded."""
    facts = list(history(now_ms(), leads=leads, first=first))
    spent, began = made.cpu_s(), time.perf_counter()
    for start in range(0, len(facts), 1_000):
        await made.log.append(facts[start : start + 1_000])
    ends = await made.log.offsets(LIFECYCLE.name)
    shards = [ShardId(SERVICE, LIFECYCLE.name, number) for number in ends]

    async def folded() -> bool:
        held = await made.store.read([("HGET", each.ledger_key, "offset") for each in shards])
        return all(
            ends[place].begin == ends[place].end or int(offset or -1) + 1 >= ends[place].end
            for place, offset in enumerate(held)
        )

    await wait_until(folded, within_s=300, every_s=0.05, description="all facts are folded")
    took = time.perf_counter() - began
    spent = {name: each - spent[name] for name, each in made.cpu_s().items()}
    each = ", ".join(f"{name} {cpu / len(facts) * 1e6:.0f} us" for name, cpu in spent.items())
    print(
        f"{clients} clients: {len(facts):,} facts folded at {len(facts) / took:,.0f} a second; CPU a fact: {each}"
    )
    return len(facts) / took
