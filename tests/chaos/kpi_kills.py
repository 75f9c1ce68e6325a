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
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from random import Random

from schemas.alerts import ALERT, AlertRetold, ClockAlert, SlaRecomputed
from schemas.lifecycle import LifecycleFact
from schemas.topics import ALERTS, LIFECYCLE
from services.kpi.adapters.recount import Basis, Key, Value, recount
from services.kpi.adapters.stored_clocks import stored_eras
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.settings import load
from services.runtime.clock import now_ms
from services.runtime.keys import ShardId
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import ID_HEADER, PRODUCER_HEADER, LogRecord
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from tests.chaos.kpi_demanded import demanded, judge
from tests.chaos.kpi_waves import EACH, LONGEST_MS, PROMISES, Waves
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

    `doubled_on_the_topic`: records that stand there once more, with the same producer and id.
    `told_twice`: alerts under more than one of these. `verdicts_off`: figures of kept promises that differ at all.
    """

    seed: int
    kills: int = 0
    facts: int = 0
    timers_fired: int = 0
    alerts: int = 0
    retracted: int = 0
    doubled_on_the_topic: int = 0
    told_twice: int = 0
    missing: int = 0
    untrue: int = 0
    seen_by_the_receiver: int = 0
    received_again: int = 0
    unseen: int = 0
    unknown_to_the_topic: int = 0
    figures: int = 0
    differences: int = 0
    verdicts_off: int = 0
    seconds: float = 0
    examples: list[str] = field(default_factory=list[str])

    @property
    def is_sound(self) -> bool:
        """Whether all agrees."""
        told = (self.doubled_on_the_topic, self.told_twice, self.missing, self.untrue)
        arrived = (self.unseen, self.unknown_to_the_topic)
        return not any((*told, *arrived, self.differences, self.verdicts_off))

    def __str__(self) -> str:
        lines = [
            f"{each.name.replace('_', ' ')}: {getattr(self, each.name)}"
            for each in fields(self)
            if each.name not in {"seconds", "examples"}
        ]
        verdict = "sound" if self.is_sound else "NOT SOUND"
        return "\n".join([*lines, f"seconds: {self.seconds:.0f}", *self.examples, verdict])


@dataclass
class Run:
    """One run: the process, what it works on, and what was told."""

    process: Process
    receiver: HttpReceiver
    log: EmbeddedLog
    store: Store
    chance: Random
    outcome: Outcome
    told: list[LifecycleFact] = field(default_factory=list[LifecycleFact])

    async def kill_again_and_again(self, leads: int, kills: int) -> Waves:
        """Tell of *leads* leads in waves, while the process is killed *kills* times and started again."""
        waves = Waves(self.chance)
        await self._tell(waves.history(leads // 10, now_ms()))
        sizes = [leads // (kills + 1)] * kills
        for size in sizes:
            await self._tell(waves.wave(size, now_ms()))
            await self._kill_soon()
            await self.process.spawn()
        await self._tell(waves.wave(leads - sum(sizes), now_ms()))
        await self._tell(waves.wave(0, now_ms()))
        return waves

    async def quiet(self) -> None:
        """Wait until all is counted, told and delivered."""
        last_due_at = now_ms() + LONGEST_MS
        await wait_until(lambda: now_ms() > last_due_at, description="all has come due")
        await wait_until(self._is_told, within_s=300, description="all is told", every_s=0.2)
        wanted = {each.id for each in (await self.alerts())[0]}
        await wait_until(
            lambda: wanted <= {*self.receiver.alert_ids}, within_s=300, description="all arrived", every_s=0.5
        )

    async def alerts(self) -> tuple[list[ClockAlert], int, int]:
        """Return the alerts on their topic, each once; how many stand there again, how many under other ids."""
        seen: dict[str, tuple[str, str]] = {}
        found: list[ClockAlert] = []
        doubled = told_twice = 0
        async for record in _records(self.log):
            alert = ALERT.validate_json(record.value or b"")
            assert not isinstance(alert, SlaRecomputed | AlertRetold)
            which = record.headers[PRODUCER_HEADER], record.headers[ID_HEADER]
            if alert.id not in seen:
                seen[alert.id] = which
                found.append(alert)
            elif seen[alert.id] == which:
                doubled += 1
            else:
                told_twice += 1
        told_twice += len(seen) - len({*seen.values()})
        return found, doubled, told_twice

    async def compare(self, waves: Waves) -> None:
        """Put into the outcome how the topic, the receiver and the counters stand."""
        out, as_of = self.outcome, now_ms()
        rules = ClockRules.of(await stored_eras(self.store, service=SERVICE))
        alerts, out.doubled_on_the_topic, out.told_twice = await self.alerts()
        found = judge(alerts, demanded(self.told, rules, as_of), each=EACH, steady=waves.steady)
        out.facts, out.alerts, out.retracted = len(self.told), len(alerts), found.retracted
        out.timers_fired = sum(
            1 + len(each.data.collapsed)
            for each in alerts
            if ":" in each.data.step or each.data.step == "breach"
        )
        out.missing, out.untrue = len(found.missing), len(found.untrue)
        ids, received = {each.id for each in alerts}, self.receiver.alert_ids
        out.seen_by_the_receiver = len(ids & {*received})
        out.received_again = len(received) - len({*received})
        out.unseen, out.unknown_to_the_topic = len(ids - {*received}), len({*received} - ids)
        out.examples += [f"missing: {each}" for each in sorted(found.missing)[:5]]
        out.examples += [f"untrue: {each}" for each in sorted(found.untrue)[:5]]
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
        out.figures, out.differences = found.figures, len(found.differences)
        out.examples += [f"differs: {each}" for each in found.differences[:5]]

    async def _tell(self, events: list[LifecycleFact]) -> None:
        if events:
            self.told += events
            await tell(self.log, events)

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


async def _records(log: EmbeddedLog) -> AsyncGenerator[LogRecord]:
    for partition, each in (await log.offsets(ALERTS.name)).items():
        offset = each.begin
        while page := await log.read(ALERTS.name, partition, offset, limit=2_000):
            for record in page:
                yield record
            offset = page[-1].offset + 1


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
