"""What an alert asks for where it is to be a task in the sales tool."""

from dataclasses import replace

from schemas.reading import read
from schemas.requests import TaskOver, TaskWanted
from schemas.topics import REQUESTS
from services.kpi.adapters.sinks import SalesTaskSink
from services.kpi.adapters.templates import Renderer
from services.kpi.application.notify import Asking
from services.kpi.consumers.task_requests import asked
from services.kpi.domain.notice_digest import Message
from services.kpi.domain.notice_rules import NoticeRules, SinkRule
from services.kpi.domain.notices import Notice
from tests.notice_desk import START, notice

YUI = "yui@example.co.jp"
RULES = NoticeRules(
    sinks={"tasks": SinkRule.for_tasks("tasks"), "english": SinkRule(name="english", language="en")},
    policy_names={"mql-response": {"ja": "MQL対応", "en": "first response"}},
)
SINK = SalesTaskSink(renderer=Renderer(RULES))


def message(*notices: Notice, sink: str = "tasks", target: str = "") -> Message:
    """Return a message with *notices*."""
    return Message("m", sink, target, notices, START, {})


def test_an_alert_asks_for_a_task_with_subject_text_owner_and_deadline() -> None:
    """In the language of the sink."""
    told = notice("breached", overdue_ms=60_000, segments={"source": "展示会"})
    (japanese,) = SINK.asks(message(told, target=YUI))
    (english,) = SINK.asks(message(told, sink="english"))
    assert isinstance(SINK, Asking)
    assert japanese.subject == "[tasuki] 期限超過: MQL対応 ／ リード lead-1 (展示会)"
    assert english.subject == "[tasuki] Overdue: first response | lead lead-1 (展示会)"
    assert "http://127.0.0.1:8080/leads/lead-1" in japanese.body
    assert told.id in japanese.body
    assert (japanese.owner, english.owner) == (YUI, None)
    assert (japanese.due_at, japanese.told_at) == (told.deadline_at, told.told_at)


def test_a_task_has_its_name_from_the_alert_and_who_does_it() -> None:
    """So a repeated message asks for the same; the owner told twice, by role and by default, is asked once."""
    told = notice("breached")
    (first,) = SINK.asks(message(told, target=YUI))
    assert SINK.asks(message(told, target=YUI)) == (first,)
    assert SINK.asks(message(told))[0].name == first.name
    others = [message(told, target="boss@x"), message(notice("escalated")), message(notice("breached", "b"))]
    assert len({first.name, *(SINK.asks(each)[0].name for each in others)}) == 4


def test_several_alerts_in_one_message_are_tasks_of_their_own() -> None:
    """Of one promise the last counts: what was told and taken back since needs no task."""
    alerts = (notice("warned"), notice("breached"), notice("breached", "other"), notice("met-late", "other"))
    requests = SINK.asks(message(*alerts))
    assert [(each.lead_id, each.alert, each.closes) for each in requests] == [
        ("lead-1", alerts[1].id, False),
        ("other", alerts[3].id, True),
    ]


def test_requests_are_events_of_their_topic_keyed_by_the_lead() -> None:
    """A recovery tells which promise is over, and no text."""
    breach, end = notice("breached"), notice("met-late", at=START + 5)
    wanted, over = (asked(SINK.asks(message(each))[0]).record for each in (breach, end))
    assert {(each.topic, each.key) for each in (wanted, over)} == {(REQUESTS.name, "lead-1")}
    task, gone = read(REQUESTS, wanted.value), read(REQUESTS, over.value)
    assert isinstance(task, TaskWanted)
    assert isinstance(gone, TaskOver)
    assert (task.data.alert, task.data.cycle, task.data.round) == (breach.id, 1, 1)
    assert (gone.data.policy, gone.data.told_at) == ("mql-response", START + 5)


def test_a_subject_is_as_long_as_salesforce_takes() -> None:
    """Whatever the lead has in its segments."""
    segments = {"company": "あ" * 300, "source": "い" * 300, "industry": "う" * 300}
    (request,) = SINK.asks(message(notice("breached", segments=segments)))
    assert len(request.subject) <= 255
    assert replace(request, subject="").body
