"""The judge of alerts: what is wrong with a topic or a receiver is found."""

import pytest

from schemas.alerts import ClockAlert
from schemas.topics import ALERTS
from services.cli.stage.alert_proof import AlertProof, Told, prove_alerts, told_alerts
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.sla.policy import Escalation, Overdue, Policy, Target
from services.kpi.domain.sla.rulebook import BookEra, Rulebook
from services.runtime.log.port import ID_HEADER, PRODUCER_HEADER, Record
from services.runtime.log.topics import TopicSpec
from tests.fakes.memory_log import MemoryLog
from tests.kpi_facts import HOUR, START, Teller
from tests.notice_desk import alert

POLICY = Policy(
    name="response",
    starts=("mql",),
    stops=("first_response",),
    targets=(Target(budget_ms=HOUR),),
    escalations=(Escalation(after_ms=HOUR, notify=("owner",)),),
    overdue=Overdue.EACH,
)
RULES = ClockRules.of([BookEra(0, 0, "first", Rulebook.of([POLICY]))])
DUE = [alert(kind, policy="response") for kind in ("breached", "escalated")]
NOW = START + 3 * HOUR


def proof(
    alerts: list[ClockAlert],
    *,
    answered_at: int | None = None,
    received: dict[str, int] | None = None,
    doubled: int = 0,
    now: int = NOW,
) -> AlertProof:
    """Judge *alerts* of one lead that qualified three hours before NOW."""
    teller = Teller()
    teller.reached("lead-1", "mql", START)
    if answered_at is not None:
        teller.reached("lead-1", "first_response", answered_at)
    told = Told(now, now, alerts, doubled, 0)
    arrived = dict.fromkeys(told.ids, 1) if received is None else received
    return prove_alerts(told, teller.told, RULES, arrived, known=told.ids)


def test_what_is_due_told_and_received_is_good() -> None:
    """Both steps, each once; and before anything is due, nothing."""
    assert proof(DUE).good
    assert proof(DUE).timers_fired == 2
    assert proof([], now=START + HOUR - 1).good


@pytest.mark.parametrize(("left_out", "missing"), [(0, "breach"), (1, "escalation:1")])
def test_an_alert_that_wasnt_told_is_missing(left_out: int, missing: str) -> None:
    """Of a promise of which each step is told, whichever step it is."""
    found = proof([each for number, each in enumerate(DUE) if number != left_out])
    assert not found.good
    assert [due.step for due in found.missing] == [missing]
    assert "missing: " in found.examples[0]


def test_a_breach_that_was_none_is_untrue_until_it_is_taken_back() -> None:
    """The lead was answered in time, as was learnt later."""
    found = proof(DUE, answered_at=START + 1)
    assert not found.good
    assert [due.step for due in found.untrue] == ["breach"]
    taken_back = proof([*DUE, alert("retracted", policy="response")], answered_at=START + 1)
    assert taken_back.good
    assert taken_back.retracted == 1


def test_alerts_twice_on_the_topic_or_at_the_receiver_alone_are_found() -> None:
    """One that arrived again is no fault: after a kill nobody can know whether it had arrived."""
    assert not proof(DUE, doubled=1).good
    assert not proof(DUE, received={DUE[0].id: 1}).good
    assert not proof(DUE, received={each.id: 1 for each in DUE} | {"another": 1}).good
    again = proof(DUE, received={each.id: 3 for each in DUE})
    assert again.good
    assert again.received_again == 4


async def test_the_topic_is_read_with_what_stands_there_again() -> None:
    """The same record once more is doubled; the same alert under another id is told again."""
    log = MemoryLog(asked=True)
    await log.ensure_topics([TopicSpec(ALERTS.name, 1)])
    for number, each in ((1, DUE[0]), (1, DUE[0]), (2, DUE[0]), (3, DUE[1])):
        headers = {PRODUCER_HEADER: "kpi", ID_HEADER: f"0-{number}"}
        await log.append([Record(ALERTS.name, each.subject, each.model_dump_json().encode(), headers)])
    told = await told_alerts(log, lambda: NOW)
    assert told.alerts == DUE
    assert (told.doubled, told.again) == (1, 1)
