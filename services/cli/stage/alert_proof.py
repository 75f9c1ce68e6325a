"""The proof of the alerts on a stage: what the facts alone demand, what stands on the topic, and what arrived."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass

from schemas.alerts import ALERT, AlertRetold, ClockAlert, SlaRecomputed
from schemas.lifecycle import LIFECYCLE_FACT, LifecycleFact
from schemas.topics import ALERTS, LIFECYCLE, Topic
from services.cli.stage.demanded import Due, demanded, judge
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.sla.policy import Overdue
from services.kpi.domain.sla.steps import BREACH
from services.runtime.clock import Clock
from services.runtime.log.port import ID_HEADER, PRODUCER_HEADER, Log, LogRecord

_PAGE = 2_000
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Told:
    """
    The alerts on their topic, each once, in order, as it was read from `began_at` to `ended_at`, epoch ms.

    `doubled`: records that stand there once more, with the same producer and id. `again`: alerts under more than one
    of these.
    """

    began_at: int
    ended_at: int
    alerts: list[ClockAlert]
    doubled: int
    again: int

    @property
    def ids(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(each.id for each in self.alerts)

    @property
    def timers_fired(self) -> int:
        """How many timers these alerts tell of; a breach that was told late stands for those before it as well."""
        steps = (each.data for each in self.alerts if ":" in each.data.step or each.data.step == BREACH)
        return sum(1 + len(each.collapsed) for each in steps)


async def told_alerts(log: Log, clock: Clock) -> Told:
    """Return what stands on the topic of alerts."""
    began_at = clock()
    seen: dict[str, tuple[str, str]] = {}
    found: list[ClockAlert] = []
    doubled = again = 0
    async for record in _records(log, ALERTS):
        alert = ALERT.validate_json(record.value or b"")
        if isinstance(alert, SlaRecomputed | AlertRetold):
            continue
        which = record.headers[PRODUCER_HEADER], record.headers[ID_HEADER]
        if alert.id not in seen:
            seen[alert.id] = which
            found.append(alert)
        elif seen[alert.id] == which:
            doubled += 1
        else:
            again += 1
    return Told(began_at, clock(), found, doubled, again + len(seen) - len({*seen.values()}))


async def told_facts(log: Log) -> list[LifecycleFact]:
    """Return all facts of the lifecycle, those of one lead in their order."""
    return [LIFECYCLE_FACT.validate_json(record.value or b"") async for record in _records(log, LIFECYCLE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertProof:
    """
    How the alerts stand.

    `missing`: due by the facts alone, and not told; `untrue`: told, standing, and not so. `unseen` didn't arrive,
    `unknown` arrived and were never told, `received_again` is how many messages too many arrived.
    """

    timers_fired: int
    alerts: int
    retracted: int
    doubled: int
    told_again: int
    missing: Collection[Due]
    untrue: Collection[Due]
    arrived: int
    received_again: int
    unseen: int
    unknown: int

    @property
    def good(self) -> bool:
        """Whether each alert that is due was told once and arrived, and no other."""
        wrong = self.doubled, self.told_again, self.unseen, self.unknown
        return not (any(wrong) or self.missing or self.untrue)

    def __str__(self) -> str:
        """Return it for a person."""
        return (
            f"{self.timers_fired} timers fired, {self.alerts} alerts told, {self.retracted} taken back: "
            f"{self.doubled + self.told_again} twice on the topic, {len(self.missing)} missing, "
            f"{len(self.untrue)} untrue; {self.arrived} arrived, {self.unseen} didn't, {self.unknown} unknown, "
            f"{self.received_again} received again"
        )

    @property
    def examples(self) -> list[str]:
        """Some of what is wrong."""
        named = (("missing", self.missing), ("untrue", self.untrue))
        return [f"{what}: {due}" for what, dues in named for due in sorted(dues)[:_SHOWN]]


def prove_alerts(
    told: Told,
    facts: Collection[LifecycleFact],
    rules: ClockRules,
    received: Mapping[str, int],
    *,
    known: Collection[str],
    steady: Collection[str] = (),
) -> AlertProof:
    """
    Return how the alerts *told* stand beside what *facts* demand and beside what was *received*: times by id.

    Args:
        told: Read when nothing but clocks that came due meanwhile was under way.
        facts: All that were told.
        rules: The promises.
        received: What a receiver of every alert got.
        known: The ids of all alerts that were told until the last of them was received.
        steady: The leads of which nothing was told that makes untrue what was true before.
    """
    each = {name for name in rules.eras for policy in rules.policies(name) if policy.overdue is Overdue.EACH}
    # What came due while the topic was read may stand there or not.
    found = judge(told.alerts, demanded(facts, rules, told.began_at), each=each, steady=steady)
    later = judge(told.alerts, demanded(facts, rules, told.ended_at), each=each, steady=steady)
    ids = told.ids
    return AlertProof(
        timers_fired=told.timers_fired,
        alerts=len(ids),
        retracted=found.retracted,
        doubled=told.doubled,
        told_again=told.again,
        missing=found.missing,
        untrue=later.untrue,
        arrived=len(ids & received.keys()),
        received_again=_again(received.values()),
        unseen=len(ids - received.keys()),
        unknown=len(received.keys() - {*known}),
    )


def _again(times: Iterable[int]) -> int:
    return sum(each - 1 for each in times)


async def _records(log: Log, topic: Topic) -> AsyncIterator[LogRecord]:
    for partition, bounds in (await log.offsets(topic.name)).items():
        offset = bounds.begin
        while page := await log.read(topic.name, partition, offset, limit=_PAGE):
            for record in page:
                yield record
            offset = page[-1].offset + 1
