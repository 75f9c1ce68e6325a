"""
`tasuki kpi` from one process to four and back, and each replaced once, on Kafka and a Redis Cluster while facts flow.

    python -m tests.integration.scaling [--most 4] [--hold-s 5] [--rate 20] [--slots 8] [--kill-primary] [--seed S]

Real processes, started and ended in order (SIGTERM), on Apache Kafka and on three primaries with a replica each. While
they come and go, slots of their shards move to other primaries; if asked for, a primary is killed. At quiet
the counters are beside the recount, the alerts beside what the facts alone demand, and what a webhook received beside
both. Prints, for each step, the longest time for which a shard that had something to read committed nothing.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx2

from schemas.lifecycle import LifecycleFact
from schemas.topics import LIFECYCLE
from services.cli.stage.alert_proof import AlertProof, prove_alerts, told_alerts
from services.cli.stage.ports import held_port
from services.configuration.parts import topic_specs
from services.kpi.adapters.recount import Basis, recount
from services.kpi.adapters.stored_clocks import stored_eras
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.settings import load
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.log.kafka import KafkaLog
from services.runtime.log.kafka_settings import KafkaSettings
from services.runtime.store import Store, StoreUnavailable
from services.sync.settings import demo_document
from tests.chaos.kpi_waves import LONGEST_MS, PROMISES, Waves
from tests.integration.kpi_app_world import SECRET
from tests.kpi_facts import records
from tests.receivers import HttpReceiver, http_receiver
from tests.servers import java_kafka
from tests.valkey_cluster import Cluster, valkey_cluster
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
SERVICE = "kpi"
PARTITIONS = 8
_SHARDS = tuple(ShardId(SERVICE, LIFECYCLE.name, number) for number in range(PARTITIONS))
_EVERY_S = 0.25
_LOOK_S = 0.02
_SINK = """\
[[sinks]]
name = "hook"
kind = "webhook"
first_wait = "100ms"
longest_wait = "1s"
window = "0s"
most_alerts = 1
most_waiting = 100000
[[routes]]
sink = "hook"
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run goes: so many processes at most, so long between steps, so many new leads a second."""

    most: int = 4
    hold_s: float = 5
    rate: int = 20
    slots: int = 8
    kill_primary: bool = False
    seed: int = 1


@dataclass
class Outcome:
    """What came of a run; `pauses`: of each step, the longest one of a shard, ms; `rolled_back`: shards that were."""

    seed: int
    facts: int = 0
    starts: int = 0
    stops: int = 0
    slots_moved: int = 0
    keys_moved: int = 0
    primaries_killed: int = 0
    rolled_back: int = 0
    alerts: AlertProof | None = None
    figures: int = 0
    differences: list[str] = field(default_factory=list[str])
    pauses: dict[str, int] = field(default_factory=dict[str, int])
    seconds: float = 0

    @property
    def is_sound(self) -> bool:
        """Whether all agrees. What a dead primary took along may be told again; nothing may be missing or untrue."""
        told = self.alerts
        if told is None or self.differences or told.missing or told.untrue or told.unseen or told.unknown:
            return False
        return self.rolled_back > 0 or not (told.doubled or told.told_again or told.received_again)

    def __str__(self) -> str:
        counted = f"{self.facts} facts, {self.starts} processes started, {self.stops} stopped"
        moved = f"{self.slots_moved} slots moved with {self.keys_moved} keys"
        lines = (
            f"seed {self.seed}: {counted}, {moved}, {self.seconds:.0f} s",
            f"{self.primaries_killed} primaries killed, {self.rolled_back} shards rolled back",
            *(f"longest pause, {name}: {ms} ms" for name, ms in self.pauses.items()),
            str(self.alerts),
            f"{self.figures} figures recounted, {len(self.differences)} differ",
            *(self.alerts.examples if self.alerts else ()),
            *self.differences[:5],
            "sound" if self.is_sound else "NOT SOUND",
        )
        return "\n".join(lines)


@dataclass
class Worker:
    """One `tasuki kpi`."""

    folder: Path
    port: int
    webhook: str
    running: asyncio.subprocess.Process | None = None

    @property
    def config(self) -> Path:
        """Its file."""
        return self.folder / "tasuki.toml"

    @property
    def environ(self) -> dict[str, str]:
        """Its secrets."""
        return {"TASUKI_SINK_HOOK_URL": self.webhook, "TASUKI_SINK_HOOK_SECRET": SECRET}

    @property
    def said(self) -> str:
        """Its lines."""
        return (self.folder / "service.log").read_text()

    async def start(self) -> None:
        """Start it; return when it is ready."""
        with (self.folder / "service.log").open("ab") as log:
            self.running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.cli.main", "--log-format", "json"),
                *("kpi", "--config", str(self.config)),
                cwd=ROOT,
                env={**os.environ, **self.environ},
                stdout=log,
                stderr=log,
            )
        await wait_until(self._is_ready, within_s=240, description="tasuki kpi is ready", every_s=0.1)

    async def stop(self) -> None:
        """End it in order; it must end well."""
        assert self.running is not None
        assert self.running.returncode is None, f"it ended by itself: {self.said[-3000:]}"
        self.running.send_signal(signal.SIGTERM)
        assert await self.running.wait() == 0, self.said[-3000:]

    async def kill(self) -> None:
        """End it, whatever it does."""
        if self.running is not None:
            with suppress(ProcessLookupError):
                self.running.kill()
            await self.running.wait()

    async def _is_ready(self) -> bool:
        assert self.running is not None
        assert self.running.returncode is None, self.said[-3000:]
        try:
            async with httpx2.AsyncClient(timeout=5) as http:
                return (await http.get(f"http://127.0.0.1:{self.port}/health/ready")).is_success
        except httpx2.HTTPError:
            return False


@dataclass
class Run:
    """One run: what it works on, and what was told."""

    plan: Plan
    workers: list[Worker]
    receiver: HttpReceiver
    log: KafkaLog
    store: Store
    cluster: Cluster
    outcome: Outcome
    chance: Random
    waves: Waves
    told: list[LifecycleFact] = field(default_factory=list[LifecycleFact])
    step: str = "before the first"

    async def flow(self) -> None:
        """Tell of new leads and of what earlier ones left open, until cancelled."""
        while True:
            await self.tell(self.waves.wave(max(1, int(self.plan.rate * _EVERY_S)), now_ms()))
            await asyncio.sleep(_EVERY_S)

    async def tell(self, events: list[LifecycleFact]) -> None:
        """Append *events*."""
        if not events:
            return
        self.told += events
        await self.log.append(records(events))
        by = now_ms()
        self.waves.steady |= {lead for lead, warned_at in self.waves.prompt.items() if by < warned_at}
        self.waves.prompt.clear()

    async def watch(self) -> None:
        """Note how long shards that have something to read don't move, until cancelled."""
        moved_at = dict.fromkeys(_SHARDS, time.monotonic())
        stood = dict.fromkeys(_SHARDS, -2)
        while True:
            with suppress(StoreUnavailable):
                ends = await self.log.offsets(LIFECYCLE.name)
                for shard in _SHARDS:
                    offset, now = (await self.store.ledger(shard)).offset, time.monotonic()
                    paused = int((now - moved_at[shard]) * 1000)
                    if offset != stood[shard] or offset >= ends[shard.partition].end - 1:
                        stood[shard], moved_at[shard] = offset, now
                    self.outcome.pauses[self.step] = max(self.outcome.pauses.get(self.step, 0), paused)
            await asyncio.sleep(_LOOK_S)

    async def scale(self) -> None:
        """Come and go."""
        first, *others = self.workers
        await self._start(first)
        await self._hold("one process")
        for number, each in enumerate(others, 2):
            self.step = f"up to {number}"
            await self._start(each)
            await self._hold(self.step)
        for number, each in enumerate(self.workers, 1):
            self.step = f"replacing {number} of {len(self.workers)}"
            await self._stop(each)
            await self._start(each)
        await self._hold(self.step)
        self.step = "slots move"
        for shard in self.chance.sample(_SHARDS, min(self.plan.slots, PARTITIONS)):
            await self._move(shard)
        if self.plan.kill_primary:
            await self._kill_primary()
        for number, each in reversed(list(enumerate(others, 1))):
            self.step = f"down to {number}"
            await self._stop(each)
            await self._hold(self.step)

    async def quiet(self) -> None:
        """Wait until all is counted, told and delivered."""
        await self.tell(self.waves.wave(0, now_ms()))
        last_due_at = now_ms() + LONGEST_MS
        await wait_until(lambda: now_ms() > last_due_at, description="all has come due", every_s=0.1)
        await wait_until(self._is_told, within_s=300, description="all is told", every_s=0.2)
        wanted = (await told_alerts(self.log, now_ms)).ids
        await wait_until(
            lambda: wanted <= {*self.receiver.alert_ids}, within_s=300, description="all arrived", every_s=0.5
        )

    async def compare(self) -> None:
        """Put into the outcome how topic, receiver and counters stand."""
        out, first = self.outcome, self.workers[0]
        promises = ClockRules.of(await stored_eras(self.store, service=SERVICE))
        told, received = await told_alerts(self.log, now_ms), Counter(self.receiver.alert_ids)
        steady = self.waves.steady
        out.alerts = prove_alerts(told, self.told, promises, received, known=told.ids, steady=steady)
        rules = load(first.config, first.environ).counting
        basis = Basis(service=SERVICE, rules=rules, promises=promises, now=now_ms())
        found = await recount(self.log, self.store, basis)
        assert not found.left_out
        out.figures, out.differences = found.figures, [*map(str, found.differences)]
        out.facts = len(self.told)
        out.rolled_back = sum(each.said.count('"commit.rolled_back"') for each in self.workers)

    async def _hold(self, step: str) -> None:
        self.step = step
        await asyncio.sleep(self.plan.hold_s)  # the load goes on; not a wait for anything

    async def _start(self, worker: Worker) -> None:
        await worker.start()
        self.outcome.starts += 1

    async def _stop(self, worker: Worker) -> None:
        await worker.stop()
        self.outcome.stops += 1

    async def _move(self, shard: ShardId) -> None:
        slot = self.cluster.slot_of(shard.ledger_key)
        owner = self.cluster.owner(slot)
        target = self.chance.choice([each for each in self.cluster.primaries if each is not owner])
        self.outcome.keys_moved += await self.cluster.move(slot, target)
        self.outcome.slots_moved += 1

    async def _kill_primary(self) -> None:
        """Kill the primary of some shard, whose replica lacks what came in the last second."""
        self.step = "a primary is killed"
        doomed = self.cluster.owner(self.cluster.slot_of(self.chance.choice(_SHARDS).ledger_key))
        heir = self.cluster.replica_of(doomed)
        self.cluster.cut_off(heir, doomed)
        await asyncio.sleep(1)  # how much is lost; not a wait for anything
        doomed.kill()
        await self.cluster.promoted(heir)
        self.outcome.primaries_killed += 1
        await self._hold(self.step)

    async def _is_told(self) -> bool:
        with suppress(StoreUnavailable):
            return await self._is_idle()
        return False

    async def _is_idle(self) -> bool:
        ends = await self.log.offsets(LIFECYCLE.name)
        for shard in _SHARDS:
            due, waiting = await self.store.read(
                [("ZCOUNT", shard.key("timers"), 0, now_ms()), ("XLEN", shard.outbox_key)]
            )
            behind = (await self.store.ledger(shard)).offset < ends[shard.partition].end - 1
            if behind or due or waiting:
                return False
        return True


@asynccontextmanager
async def _world(folder: Path, bootstrap: str, plan: Plan) -> AsyncGenerator[Run]:
    log = KafkaLog(KafkaSettings(bootstrap_servers=bootstrap))
    with ExitStack() as held:
        async with valkey_cluster(replicas=3) as cluster, http_receiver() as receiver:
            workers = [
                _worker(folder / str(number), held.enter_context(held_port()), receiver.url(), bootstrap, cluster.url)
                for number in range(plan.most)
            ]  # fmt: skip
            store, chance = Store(cluster.url, cluster=True), Random(plan.seed)
            await log.start()
            try:
                await store.start()
                await log.ensure_topics(topic_specs(PARTITIONS))
                outcome = Outcome(plan.seed)
                yield Run(plan, workers, receiver, log, store, cluster, outcome, chance, Waves(chance))
            finally:
                for each in workers:
                    await each.kill()
                await store.close()
                await log.close()


def _worker(folder: Path, port: int, webhook: str, bootstrap: str, url: str) -> Worker:
    folder.mkdir()
    log = {"kind": "kafka", "partitions": PARTITIONS, "bootstrap_servers": bootstrap.split(",")}
    file = demo_document(
        hubspot_url="http://127.0.0.1:1",
        salesforce_url="http://127.0.0.1:2",
        pubsub="127.0.0.1:3",
        data_folder=folder,
        overrides={
            "log": log,
            "store": {"kind": "redis", "url": url, "cluster": True},
            "feed": {"port": port},
        },
    )
    (folder / "tasuki.toml").write_text(file + _SINK + PROMISES)
    return Worker(folder, port, webhook)


async def run(folder: Path, bootstrap: str, plan: Plan) -> Outcome:
    """Run *plan* on the Kafka at *bootstrap*, which nobody else uses, and return what came of it."""
    began = time.monotonic()
    async with _world(folder, bootstrap, plan) as this:
        await this.tell(this.waves.history(20, now_ms()))
        async with asyncio.TaskGroup() as beside:
            tasks = [beside.create_task(this.flow()), beside.create_task(this.watch())]
            await this.scale()
            for each in tasks:
                each.cancel()
        await this.quiet()
        await this.compare()
    this.outcome.seconds = time.monotonic() - began
    return this.outcome


def main() -> int:
    """Run it as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.integration.scaling", description=__doc__)
    parser.add_argument("--most", type=int, default=4, help="processes at a time")
    parser.add_argument("--hold-s", type=float, default=5, help="between steps")
    parser.add_argument("--rate", type=int, default=20, help="new leads a second")
    parser.add_argument("--slots", type=int, default=8, help="shards whose slot moves")
    parser.add_argument("--kill-primary", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    plan, reasons = Plan(**vars(parser.parse_args())), list[str]()
    with java_kafka(reasons) as bootstrap, tempfile.TemporaryDirectory(prefix="tasuki-") as folder:
        if bootstrap is None:
            sys.exit("; ".join(reasons))
        outcome = asyncio.run(run(Path(folder), bootstrap, plan))
    print(outcome)
    return 0 if outcome.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
