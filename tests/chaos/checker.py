"""
The checker: what people did in the two tools against what stands everywhere at the end.

The history are the acts themselves, noted as they were done. Where nothing says otherwise a row must be equal.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from services.cli.demo.crowd import Crowd
from services.cli.demo.figures import judge_figures
from services.cli.demo.judge import judge
from services.cli.demo.news import News
from services.cli.stage.books import Books
from services.cli.stage.demanded import Due, demanded
from services.cli.stage.demanded import judge as judge_alerts
from services.cli.stage.receiver import Receiver
from services.kpi.adapters.stored_clocks import stored_eras
from services.kpi.app.counting import SERVICE as KPI
from services.kpi.domain.clock_rules import ClockRules
from services.runtime.clock import now_ms
from services.runtime.log.port import Log
from tests.chaos import topics_read
from tests.chaos.system import System
from tests.waiting import wait_until

_SLACK_MS = 3_000
"""So long before the look an alert must have come due to be missed: clocks of leads that nobody answers run on."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was looked at: how many there were, what is wrong."""

    what: str
    looked_at: int
    wrong: int = 0
    examples: tuple[str, ...] = ()


@dataclass
class Report:
    """What came of a run."""

    seed: int
    rows: list[Row] = field(default_factory=list[Row])
    notes: dict[str, Any] = field(default_factory=dict[str, Any])

    def add(self, what: str, looked_at: int, wrong: list[Any] | int = 0) -> None:
        """Add a row; *wrong* are the examples, or how many."""
        if isinstance(wrong, int):
            self.rows.append(Row(what, looked_at, wrong))
        else:
            self.rows.append(Row(what, looked_at, len(wrong), tuple(map(str, wrong[:_SHOWN]))))

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any(each.wrong for each in self.rows)

    def __str__(self) -> str:
        """Return it as a table."""
        lines = [f"{'':44}{'looked at':>10}{'wrong':>8}"]
        for row in self.rows:
            lines.append(f"{row.what:44}{row.looked_at:10}{row.wrong:8}")
            lines += [f"    {each}" for each in row.examples]
        lines += [f"{name}: {value}" for name, value in self.notes.items()]
        return "\n".join([*lines, "sound" if self.is_sound else "NOT SOUND"])


@dataclass(frozen=True)
class Scene:
    """What is looked at."""

    system: System
    books: Books
    crowd: Crowd
    news: News
    receiver: Receiver
    calls: Counter[str]


async def check(scene: Scene, report: Report) -> None:
    """Look at everything; the system is at quiet."""
    await _tools(scene, report)
    await _echoes(scene, report)
    await _alerts(scene, report)
    await _log(scene, report)
    await _figures(scene, report)
    wild = [
        f"{each.name} ended by itself with {code}, {times} times"
        for each in scene.system.members
        for code, times in each.ended.items()
        if code != TRY_AGAIN
    ]
    report.add("processes", len(scene.system.members), wild)


TRY_AGAIN = 3
"""The exit code that asks to be started again."""


async def _tools(scene: Scene, report: Report) -> None:
    board = scene.news.board
    kpis = await judge_figures(scene.system, scene.books, scene.news, scene.receiver, now_ms)
    crowd = scene.crowd
    verdict = await judge(scene.system, scene.books, crowd.tracks.values(), crowd.sight.gone, board, kpis)
    report.add("people on both sides", verdict.comparison.pairs)
    report.add("shared fields", verdict.comparison.fields, list(verdict.comparison.differences))
    report.add("lives, by what they did", verdict.leads, list(verdict.losses))
    report.add("leads known", verdict.known, abs(verdict.known - verdict.leads))
    report.add("dead letters", len(board.dead_letters), list(board.dead_letters))
    key = scene.system.sales_names()[1]
    keys = [each["fields"].get(key) async for each in scene.system.sfa.records("Task")]
    tasks = Counter(str(each) for each in keys if each)
    report.add("handoffs in sales", len(tasks), [key for key, count in tasks.items() if count > 1])
    report.add("figures, counted a second time", kpis.figures, list(kpis.differences))
    if kpis.skipped:
        report.notes["not recounted"] = kpis.skipped
    faults = [each for each in kpis.alerts.faults if "times" not in each]
    report.add("alerts that arrived", kpis.alerts.arrived, faults)
    report.notes["messages that came again"] = sum(count - 1 for count in scene.receiver.arrived.values())


async def _echoes(scene: Scene, report: Report) -> None:
    """Nobody here sets a value back by a machine: each loop would be our own, and each false drop a lost edit."""
    ports = [each.port for each in scene.system.members if each.name.startswith("sync") and not each.away]
    status = (await scene.system.asked(f"http://127.0.0.1:{ports[0]}/status")).raise_for_status().json()
    echoes: dict[str, int] = status["echoes"]
    known = sum(count for name, count in echoes.items() if name.startswith("suppressed:"))
    for what in ("false-drop", "loop"):
        wrong = [
            f"{name}: {count}" for name, count in echoes.items() if name.startswith(f"{what}:") and count
        ]
        report.add(f"our own writes that came back, no {what}", known, wrong)


async def _alerts(scene: Scene, report: Report) -> None:
    facts = await topics_read.facts(scene.books.log)
    rules = ClockRules.of(await stored_eras(scene.books.store, service=KPI))
    as_of = now_ms()
    due_for_long, due = demanded(facts, rules, as_of - _SLACK_MS), demanded(facts, rules, as_of + _SLACK_MS)
    told, again = await topics_read.alerts(scene.books.log)
    steady: set[str] = set()
    missing: list[Due] = sorted(judge_alerts(told, due_for_long, each=(), steady=steady).missing)
    untrue: list[Due] = sorted(judge_alerts(told, due, each=(), steady=steady).untrue)
    report.add("alerts on the topic, each once", len(told), again)
    report.add("alerts due, none missing", len(due_for_long), missing)
    report.add("alerts told, none untrue", len(told), untrue)


async def _log(scene: Scene, report: Report) -> None:
    log = scene.books.log
    doubled = await topics_read.doubled(log)
    report.add(
        "events told, each once", await _told(log), [f"{name}: {count}" for name, count in doubled.items()]
    )
    report.add(
        "decisions with their causes", scene.news.board.decisions, list(await topics_read.without_cause(log))
    )


async def _told(log: Log) -> int:
    offsets = [await log.offsets(topic) for topic in topics_read.NAMES]
    return sum(each.end - each.begin for of_topic in offsets for each in of_topic.values())


async def _figures(scene: Scene, report: Report) -> None:
    """Compare what the feed serves with what people did."""
    calls = sum(scene.calls.values())
    qualified = sum(each.qualifications for each in scene.crowd.tracks.values())
    for what, metric, done in (("calls", "calls", calls), ("MQLs", "mqls", qualified)):
        figure = await _served(scene.system, metric)
        wrong = [] if figure == done else [f"the feed says {figure:g}"]
        report.add(f"{what} that people made, counted once", done, wrong)


async def _served(system: System, metric: str) -> float:
    ports = [each.port for each in system.members if each.name.startswith("kpi") and not each.away]
    found: list[float] = []

    async def answered() -> bool:
        found.clear()
        for port in ports:
            answer = await system.asked(f"http://127.0.0.1:{port}/kpi/metrics/{metric}?window=30d")
            if not answer.is_success:
                return False
            found.append(float(answer.json()["figure"]["value"] or 0))
        return True

    await wait_until(answered, within_s=30, description=f"the feed says {metric}", every_s=0.2)
    assert len({*found}) == 1, f"two feeds tell different figures of {metric}: {found}"
    return found[0]
