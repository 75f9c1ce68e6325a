"""Alerts → the queues of the sinks they are for; and the loops that feed the sinks of the shards that are held."""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias, cast

from schemas.alerts import Alert, AlertRetold, Retold, SlaRecomputed
from schemas.reading import Unreadable, read
from schemas.topics import ALERTS
from services.errors import Misconfigured
from services.kpi.application.notify import Asking, Clocks, Delivery, NoClocks, Sink
from services.kpi.consumers.alerts import SOURCE
from services.kpi.consumers.notice_codec import notice_of, read_refused
from services.kpi.consumers.shard_notices import Counted, ShardSink, load_sinks
from services.kpi.domain.notice_ledger import Change, SinkLedger, Waiting
from services.kpi.domain.notice_queue import concerned, queue
from services.kpi.domain.notice_routes import channels_for
from services.kpi.domain.notice_rules import NoticeRules
from services.kpi.domain.notices import Notice, Outcome, Place
from services.runtime.clock import Clock
from services.runtime.endings import report_end
from services.runtime.log.port import LogRecord
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.processor import Fold
from services.runtime.set_aside import set_aside
from services.runtime.shard import Shard

YIELD_EVERY = 32
"""After so many records the event loop gets its turn."""

NO_SINK = "none"
"""The sink in the metrics of alerts that go nowhere."""


_Again: TypeAlias = dict[str, dict[Place, int]]
"""By sink: what is to be tried there again, and when it was refused."""


@dataclass(slots=True)
class HeldNotices:
    """A shard this process owns: the ledgers of its sinks, and the loops that feed them."""

    sinks: dict[str, ShardSink]
    running: dict[str, tuple[Delivery, asyncio.Task[None]]] = field(
        default_factory=dict[str, tuple[Delivery, asyncio.Task[None]]]
    )


class NoticeProcessor:
    """
    See `Processor` in services.runtime.processor. Alerts of one shard are grouped and limited together.

    Args:
        sinks: For each sink of the rules, what sends.
        failed: Told of a loop's unexpected end; it is to end the process.
        counted: Told, after the commit, of alerts that are done: the sink, the outcome, how many.
        sent: See `Delivery`.
        set_aside: Told, after the commit, the reason of each record that is no alert.

    Raises:
        Misconfigured: A route or the default names a sink that isn't there.
    """

    def __init__(
        self,
        *,
        rules: NoticeRules,
        sinks: Mapping[str, Sink | Asking],
        clock: Clock,
        failed: Callable[[BaseException], None],
        clocks: Clocks | None = None,
        random: Random | None = None,
        counted: Counted = lambda _sink, _outcome, _count: None,
        sent: Callable[[str, str, int, int], None] = lambda _sink, _outcome, _alerts, _waited_ms: None,
        set_aside: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        if missing := sorted({*rules.unknown_sinks(), *(rules.sinks.keys() - sinks.keys())}):
            raise Misconfigured(f"alerts are to go to {', '.join(missing)}, but there is no such sink")
        self._rules = rules
        self._sinks = sinks
        self._clock = clock
        self._failed = failed
        self._clocks = clocks or NoClocks()
        self._random = random or Random()
        self._counted = counted
        self._sent = sent
        self._set_aside = set_aside
        self.held: dict[int, HeldNotices] = {}

    async def opened(self, shard: Shard) -> None:
        """Load the ledgers of *shard* and start a loop for each sink."""
        held = HeldNotices(await load_sinks(shard, self._rules.sinks, self._counted))
        for name, sink in held.sinks.items():
            if name not in self._rules.sinks:
                await sink.change(self._removed)
        self.held[shard.id.partition] = held
        for name, rule in self._rules.sinks.items():
            delivery = Delivery(
                queue=held.sinks[name],
                rule=rule,
                sink=self._sinks[name],
                clocks=self._clocks,
                clock=self._clock,
                random=self._random,
                sent=self._sent,
            )
            task = asyncio.create_task(delivery.run(), name=f"notify {name} {shard.id}")
            task.add_done_callback(self._report)
            held.running[name] = (delivery, task)

    async def closed(self, shard: Shard) -> None:
        """Stop the loops of *shard*; what is out without an answer is repeated by the next owner."""
        held = self.held.pop(shard.id.partition, None)
        if held is not None:
            await asyncio.gather(*(delivery.stop(task) for delivery, task in held.running.values()))

    async def fold(self, shard: Shard, records: Sequence[LogRecord]) -> Fold:
        """Put the alerts in *records* into the queues of the sinks they are for."""
        held = self.held[shard.id.partition]
        changes = {name: Change(records[-1].appended_at) for name in self._rules.sinks}
        emissions: list[Emission] = []
        unrouted, bad, again = 0, list[str](), _Again()
        for number, record in enumerate(records, start=1):
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            event = _read(record, emissions, bad)
            if isinstance(event, AlertRetold):
                self._retold(held, changes, event.data, record, emissions, bad, again)
                continue
            notice = None if event is None or isinstance(event, SlaRecomputed) else notice_of(event)
            if notice is not None and not self._queued(held, changes, notice, record):
                unrouted += 1
        operations = Operations()
        for name, change in changes.items():
            await _without_repeats(held.sinks[name], change, again.get(name, {}))
            held.sinks[name].stage(operations, change)
        return Fold(operations, emissions, applied=lambda: self._applied(held, changes, unrouted, bad))

    def wake(self) -> None:
        """Let all loops look again, for instance because the clock was moved."""
        for held in self.held.values():
            for delivery, _ in held.running.values():
                delivery.wake()

    def waiting(self) -> Mapping[str, int]:
        """Return for each sink how many alerts wait in the shards that are held."""
        counts = dict.fromkeys(self._rules.sinks, 0)
        for held in self.held.values():
            for name in counts:
                counts[name] += held.sinks[name].ledger.size
        return counts

    def _queued(
        self, held: HeldNotices, changes: Mapping[str, Change], notice: Notice, record: LogRecord
    ) -> bool:
        """Queue *notice* wherever it goes; return whether that is anywhere."""
        waiting = Waiting(notice, record.appended_at, record.offset)
        if notice.is_recovery:
            channels = [
                (name, target)
                for name, change in changes.items()
                for target in concerned(held.sinks[name].ledger, change, notice.clock)
            ]
        else:
            channels = list(channels_for(notice, self._rules))
        for name, target in channels:
            ledger, rule = held.sinks[name].ledger, self._rules.sinks[name]
            queue(ledger, changes[name], Place(target, notice.id), waiting, rule)
        return bool(channels)

    def _retold(
        self,
        held: HeldNotices,
        changes: Mapping[str, Change],
        data: Retold,
        record: LogRecord,
        emissions: list[Emission],
        bad: list[str],
        again: _Again,
    ) -> None:
        """Queue an alert at the one place that refused it; a sink that is gone is a letter again."""
        try:
            notice = read_refused(b64decode(data.alert, validate=True))
        except (ValueError, TypeError, LookupError):
            emissions.append(set_aside(record, "bad-event", "it holds no alert", source=SOURCE))
            bad.append("bad-event")
            return
        if data.sink not in changes:
            detail = f"there is no sink {data.sink} any more"
            emissions.append(set_aside(record, "unknown-sink", detail, source=SOURCE))
            bad.append("unknown-sink")
            return
        place = Place(data.target, notice.id)
        waiting = Waiting(notice, record.appended_at, record.offset)
        ledger, rule = held.sinks[data.sink].ledger, self._rules.sinks[data.sink]
        queue(ledger, changes[data.sink], place, waiting, rule)
        again.setdefault(data.sink, {})[place] = data.refused_at

    def _applied(
        self, held: HeldNotices, changes: Mapping[str, Change], unrouted: int, bad: Sequence[str]
    ) -> None:
        for name, change in changes.items():
            if change:
                held.sinks[name].accept(change)
                held.running[name][0].wake()
        if unrouted:
            self._counted(NO_SINK, Outcome.UNROUTED.value, unrouted)
        for reason in bad:
            self._set_aside(reason)

    def _removed(self, ledger: SinkLedger) -> tuple[Change, None]:
        return Change(self._clock(), done=dict.fromkeys(ledger.places, Outcome.SINK_REMOVED)), None

    def _report(self, task: asyncio.Task[None]) -> None:
        report_end(task, self._failed)


def _read(record: LogRecord, emissions: list[Emission], bad: list[str]) -> Alert | None:
    """Return the alert in *record*; what isn't one goes to the dead letters with its bytes, its reason to *bad*."""
    try:
        return cast("Alert", read(ALERTS, record.value))
    except Unreadable as error:
        emissions.append(set_aside(record, error.reason, str(error), source=SOURCE))
        bad.append(error.reason)
        return None


async def _without_repeats(sink: ShardSink, change: Change, again: Mapping[Place, int]) -> None:
    """
    Take out of *change* what the sink is done with already: an alert that was told twice.

    One that it refused is tried *again*, unless it was tried since that refusal.
    """
    for place, at in (await sink.done([*change.wait, *change.done])).items():
        if again.get(place) != at:
            change.wait.pop(place, None)
            change.done.pop(place, None)
