"""Fills one topic, has each program count it in a process of its own, and prints them side by side."""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from schemas.topics import LIFECYCLE
from services.runtime.clock import now_ms
from services.runtime.log.kafka import KafkaLog
from services.runtime.log.port import TopicSpec
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from tests.benchmarks.history import told
from tests.benchmarks.kept import keep, keeping
from tests.benchmarks.kpi_service import spent_s
from tests.benchmarks.peers import programs
from tests.benchmarks.peers.broker import ROOT, broker
from tests.benchmarks.peers.windows import WINDOW_MS

LEADS = 12_000
PARTITIONS = 4
_BATCH = 1_000
NAMES = {
    "bare": "the bare client, reading and parsing",
    "bare-commits": "the same, with offsets committed",
    "one": "tasuki, one windowed count",
    "catalogue": "tasuki, the whole catalogue, 4 dimensions",
    "quix": "Quix Streams, one windowed count, exactly-once",
    "streams": "Kafka Streams, one windowed count, exactly_once_v2",
}
_WANTED = (("catalogue", "quix", 3.0), ("catalogue", "streams", 1.0), ("catalogue", "bare", 0.2))


@dataclass(frozen=True, slots=True)
class Figures:
    """
    What a program took from its first event to its last commit.

    Seconds are by the clock; microseconds are of processor time for each event: the program's own, the whole of its
    process from start to end, and the servers'.
    """

    counted: int
    windows: int
    seconds: float
    cpu_us: float
    process_us: float
    broker_us: float
    store_us: float

    @property
    def a_second(self) -> float:
        """Events counted in a second by the clock."""
        return self.counted / self.seconds

    @property
    def a_core_second(self) -> float:
        """Events counted in a second of the program's processor time."""
        return 1e6 / self.cpu_us


@dataclass(frozen=True, slots=True)
class Field:
    """The topic that all count; `broker_pid` is None where the broker isn't a process of this machine's."""

    bootstrap: str
    topic: str
    events: int
    partitions: int
    broker_pid: int | None = None

    def broker_s(self) -> float:
        """Return the processor time that the broker took so far."""
        return 0.0 if self.broker_pid is None else spent_s(self.broker_pid)


def main(options: Sequence[str] = ()) -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks peers")
    asked.add_argument("--leads", type=int, default=LEADS)
    asked.add_argument("--partitions", type=int, default=PARTITIONS)
    asked.add_argument("--rounds", type=int, default=1, help="all in turn, so many times; medians are shown")
    asked.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    keeping(asked)
    given = asked.parse_args(options)
    with tempfile.TemporaryDirectory(prefix="tasuki-peers-") as folder, broker(Path(folder)) as kafka:
        field = asyncio.run(
            fill(kafka.bootstrap, LIFECYCLE.name, leads=given.leads, partitions=given.partitions)
        )
        field = replace(field, broker_pid=kafka.pid)
        print(f"{field.events} events of {given.leads} leads, {given.partitions} partitions, one worker each")
        measure(field, "bare", "warm")  # a broker that just began is slower
        rounds = [_round(field, given.only, number) for number in range(given.rounds)]
    figures = {name: _median([each[name] for each in rounds if name in each]) for name in rounds[0]}
    keep(given, _shown(figures) | {"events": field.events, "versions": _versions()})


async def fill(bootstrap: str, topic: str, *, leads: int, partitions: int) -> Field:
    """Create *topic* and append the facts of so many *leads*."""
    log = KafkaLog(bootstrap)
    await log.start()
    try:
        await log.ensure_topics([TopicSpec(topic, partitions)])
        facts = [replace(each, topic=topic) for each in told(now_ms(), leads=leads)]
        for start in range(0, len(facts), _BATCH):
            await log.append(facts[start : start + _BATCH])
        return Field(bootstrap, topic, len(facts), partitions)
    finally:
        await log.close()


def _round(field: Field, names: Sequence[str], number: int) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for name in names:
        try:
            found[name] = measure(field, name, f"{name}-{number}")
        except programs.NotHere as missing:
            print(f"{NAMES[name]}: left out. {missing}")
            continue
        _print(name, found[name])
    return found


def measure(field: Field, name: str, group: str) -> Figures:
    """Have the program *name* count the topic as *group*. Raises NotHere."""
    if name in ("one", "catalogue"):
        return asyncio.run(_measure_ours(field, name, group))
    with tempfile.TemporaryDirectory(prefix="tasuki-peer-") as folder:
        made: Mapping[str, Callable[[], Sequence[str]]] = {
            "bare": lambda: programs.bare(commits=False),
            "bare-commits": lambda: programs.bare(commits=True),
            "quix": programs.quix,
            "streams": programs.kafka_streams,
        }
        return _child(field, made[name](), group, folder)


async def _measure_ours(field: Field, what: str, group: str) -> Figures:
    with tempfile.TemporaryDirectory(prefix="tasuki-peer-") as folder:
        async with EmbeddedServer(Path(folder)) as server:
            pid = int((server.folder / "valkey.pid").read_text(encoding="utf-8"))
            command = programs.ours(what, server.url, field.partitions)
            before = spent_s(pid)
            found = await asyncio.to_thread(_child, field, command, group, folder)
            return replace(found, store_us=(spent_s(pid) - before) / field.events * 1e6)


def _child(field: Field, command: Sequence[str], group: str, folder: str) -> Figures:
    """Run *command* to its end; return what it tells and what it took."""
    arguments = [field.bootstrap, field.topic, group, str(field.events), str(WINDOW_MS), folder]
    before = field.broker_s()
    child = subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
    if child.stdout is None:
        raise AssertionError("the pipe was asked for")
    lines = child.stdout.read().splitlines()
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)  # or it would be waited for again
    if child.returncode:
        sys.exit(f"{' '.join(command)} ended with {child.returncode}")
    said: Mapping[str, Any] = json.loads(lines[-1])
    if said["counted"] != field.events:
        sys.exit(f"{' '.join(command)} counted {said['counted']} of {field.events} events")
    return Figures(
        counted=said["counted"],
        windows=said["windows"],
        seconds=said["seconds"],
        cpu_us=said["cpu_s"] / field.events * 1e6,
        process_us=(usage.ru_utime + usage.ru_stime) / field.events * 1e6,
        broker_us=(field.broker_s() - before) / field.events * 1e6,
        store_us=0.0,
    )


def _median(found: Sequence[Figures]) -> Figures:
    rows = [asdict(each) for each in found]
    return Figures(**{name: statistics.median(each[name] for each in rows) for name in rows[0]})


def _print(name: str, found: Figures) -> None:
    print(
        f"{NAMES[name]}: {found.a_second:,.0f} events a second ({found.seconds:.1f} s); {found.cpu_us:.1f} us of CPU "
        f"an event, so {found.a_core_second:,.0f} a second of one core ({found.process_us:.1f} us with start and end); "
        f"broker {found.broker_us:.1f} us, store {found.store_us:.1f} us; "
        f"{found.windows:,} windows",
        flush=True,
    )


def _shown(figures: Mapping[str, Figures]) -> dict[str, Any]:
    """Print the ratios; return all as JSON has it."""
    ratios: dict[str, Any] = {}
    for ours in ("one", "catalogue"):
        for other in ("quix", "streams", "bare", "bare-commits"):
            if ours in figures and other in figures:
                us, they = figures[ours], figures[other]
                both = {
                    "clock": us.a_second / they.a_second,
                    "own_cpu": they.cpu_us / us.cpu_us,
                    "all_cpu": _all_us(they) / _all_us(us),
                }
                ratios[f"{ours}/{other}"] = both
                print(
                    f"{NAMES[ours]} / {NAMES[other]}: {both['clock']:.2f} by the clock, {both['own_cpu']:.2f} by its own "
                    f"CPU, {both['all_cpu']:.2f} by that of all processes{_wanted(ours, other)}"
                )
    return {"figures": {name: asdict(each) for name, each in figures.items()}, "ratios": ratios}


def _all_us(found: Figures) -> float:
    return found.cpu_us + found.broker_us + found.store_us


def _wanted(ours: str, other: str) -> str:
    return "".join(f" (wanted {ratio:g})" for us, they, ratio in _WANTED if (us, they) == (ours, other))


def _versions() -> dict[str, str]:
    return programs.versions(asyncio.run(_server_version()))


async def _server_version() -> str:
    with tempfile.TemporaryDirectory(prefix="tasuki-peer-") as folder:
        async with EmbeddedServer(Path(folder)) as server:
            store = Store(server.url)
            (info,) = await store.read([("INFO", "server")])
            await store.close()
            return str(dict(info).get("valkey_version") or dict(info)["redis_version"])
