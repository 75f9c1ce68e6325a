"""
`tasuki kpi` killed by SIGKILL again and again while promises come due: nothing lost, told twice or counted wrongly.

    python -m tests.chaos.kpi_kills [--leads N] [--kills 30] [--seed S]

A real process works on an embedded server that outlives it, and tells a webhook of each alert. At quiet the counters
are beside the recount, the alerts on their topic beside what the facts alone demand, and what the webhook received
beside the topic. Ends with 0 where all of that agrees, with 1 where something doesn't.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from schemas.lifecycle import LifecycleFact
from schemas.topics import LIFECYCLE
from services.cli.stage.alert_proof import AlertProof, prove_alerts, told_alerts
from services.kpi.adapters.recount import Basis, Key, Value, recount
from services.kpi.adapters.stored_clocks import stored_eras
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.settings import load
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.log.port import Log
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from tests.chaos.kpi_waves import LONGEST_MS, PROMISES, Waves
from tests.integration.kpi_app_world import PARTITIONS, tell, topics
from tests.kpi_process import Process, kpi_process
from tests.receivers import HttpReceiver, http_receiver
from tests.waiting import wait_until

SERVICE = "kpi"
SINK = 'first_wait = "100ms"\nlongest_wait = "1s"\nwindow = "0s"\nmost_alerts = 1\nmost_waiting = 100000'


@dataclass
class Outcome:
    """
    What came of a run.

    `verdicts_off`: figures of kept promises that differ at all.
    """

    seed: int
    kills: int = 0
    facts: int = 0
    alerts: AlertProof | None = None
    verdicts_off: int = 0
    figures: int = 0
    differences: list[str] = field(default_factory=list[str])
    seconds: float = 0

    @property
    def is_sound(self) -> bool:
        """Whether all agrees."""
        return self.alerts is not None and self.alerts.good and not self.differences and not self.verdicts_off

    def __str__(self) -> str:
        examples = [*(self.alerts.examples if self.alerts else ()), *self.differences[:5]]
        lines = (
            f"seed {self.seed}: {self.kills} kills, {self.facts} facts, {self.seconds:.0f} s",
            str(self.alerts),
            f"{self.figures} figures recounted, {len(self.differences)} differ, {self.verdicts_off} verdicts off",
            *examples,
            "sound" if self.is_sound else "NOT SOUND",
        )
        return "\n".join(lines)


@dataclass
class Run:
    """One run: the process, what it works on, and what was told."""

    process: Process
    receiver: HttpReceiver
    log: Log
    store: Store
    chance: Random
    outcome: Outcome
    told: list[LifecycleFact] = field(default_factory=list[LifecycleFact])

    async def kill_again_and_again(self, leads: int, kills: int) -> Waves:
        """Tell of *leads* leads in waves, while the process is killed *kills* times and started again."""
        waves = Waves(self.chance)
        await self._tell(waves, waves.history(leads // 10, now_ms()))
        sizes = [leads // (kills + 1)] * kills
        for size in sizes:
            await self._tell(waves, waves.wave(size, now_ms()))
            await self._kill_soon()
            await self.process.spawn()
        await self._tell(waves, waves.wave(leads - sum(sizes), now_ms()))
        await self._tell(waves, waves.wave(0, now_ms()))
        return waves

    async def quiet(self) -> None:
        """Wait until all is counted, told and delivered."""
        last_due_at = now_ms() + LONGEST_MS
        await wait_until(lambda: now_ms() > last_due_at, description="all has come due")
        await wait_until(self._is_told, within_s=300, description="all is told", every_s=0.2)
        wanted = (await told_alerts(self.log, now_ms)).ids
        await wait_until(
            lambda: wanted <= {*self.receiver.alert_ids}, within_s=300, description="all arrived", every_s=0.5
        )

    async def compare(self, waves: Waves) -> None:
        """Put into the outcome how the topic, the receiver and the counters stand."""
        rules = ClockRules.of(await stored_eras(self.store, service=SERVICE))
        received = Counter(self.receiver.alert_ids)
        self.outcome.facts = len(self.told)
        told = await told_alerts(self.log, now_ms)
        self.outcome.alerts = prove_alerts(
            told, self.told, rules, received, known=told.ids, steady=waves.steady
        )
        await self._recount(rules)

    async def _recount(self, promises: ClockRules) -> None:
        out = self.outcome

        def row(key: Key, served: Value | None, recounted: Value | None) -> None:
            # The recount itself lets a promise that came due a moment ago be uncounted; at quiet none may be.
            if key.metric == "sla_attainment" and (served or _NONE) != (recounted or _NONE):
                out.verdicts_off += 1

        rules = load(self.process.config, self.process.environ).counting
        basis = Basis(service=SERVICE, rules=rules, promises=promises, now=now_ms())
        found = await recount(self.log, self.store, basis, row=row)
        assert not found.left_out
        out.figures, out.differences = found.figures, [*map(str, found.differences)]

    async def _tell(self, waves: Waves, events: list[LifecycleFact]) -> None:
        if events:
            self.told += events
            await tell(self.log, events)
            by = now_ms()
            waves.steady |= {lead for lead, warned_at in waves.prompt.items() if by < warned_at}
            waves.prompt.clear()

    async def _kill_soon(self) -> None:
        """Kill the process at a random instant: while it starts, at work, or with something in its outbox."""
        how = self.chance.random()
        if how < 0.7:
            await wait_until(self.process.is_ready, description="it is ready", every_s=0.05)
        await asyncio.sleep(self.chance.uniform(0, 2))  # a random instant, not a wait for anything
        if how < 0.5:
            with suppress(AssertionError):  # nothing more to tell, then at any instant
                await wait_until(self._is_telling, within_s=2, description="it tells something", every_s=0)
        assert await self.process.end(signal.SIGKILL) == -signal.SIGKILL
        self.outcome.kills += 1

    async def _is_telling(self) -> bool:
        async with self.store.client.pipeline(transaction=False) as asked:
            for number in range(PARTITIONS):
                asked.xlen(ShardId(SERVICE, LIFECYCLE.name, number).outbox_key)
            return any(await asked.execute())

    async def _is_told(self) -> bool:
        running = self.process.running
        assert running is not None
        assert running.returncode is None, f"the process ended with {running.returncode}"
        ends = await self.log.offsets(LIFECYCLE.name)
        for number in range(PARTITIONS):
            shard, client = ShardId(SERVICE, LIFECYCLE.name, number), self.store.client
            offset = int(await client.hget(shard.ledger_key, "offset") or -1)
            due = await client.zcount(shard.key("timers"), 0, now_ms())
            if offset < ends[number].end - 1 or due or await client.xlen(shard.outbox_key):
                return False
        return True


_NONE = Value(0, 0)


async def run(folder: Path, *, leads: int, kills: int, seed: int) -> Outcome:
    """Run it in *folder*, and return what came of it."""
    began, outcome = time.monotonic(), Outcome(seed)
    async with (
        EmbeddedServer(folder / "store") as server,
        topics(server.url) as log,
        http_receiver() as receiver,
        kpi_process(folder, receiver.url(), PROMISES, sink=SINK) as process,
    ):
        store = Store(server.url)
        await store.start()
        try:
            this = Run(process, receiver, log, store, Random(seed), outcome)
            waves = await this.kill_again_and_again(leads, kills)
            await this.quiet()
            await this.compare(waves)
        finally:
            await store.close()
    outcome.seconds = time.monotonic() - began
    return outcome


def main() -> int:
    """Run it as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kpi_kills", description=__doc__)
    parser.add_argument("--leads", type=int, default=1_500)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tasuki-") as folder:
        outcome = asyncio.run(run(Path(folder), leads=given.leads, kills=given.kills, seed=given.seed))
    print(outcome)
    return 0 if outcome.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
