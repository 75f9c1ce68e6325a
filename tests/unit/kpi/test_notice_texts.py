"""What people read: counts, the most overdue first, times, links, in both languages."""

from dataclasses import replace

import pytest

from services.kpi.adapters.templates import Rendered, Renderer
from services.kpi.adapters.templates.texts import LANGUAGES
from services.kpi.domain.notice_digest import Message, digest
from services.kpi.domain.notice_queue import message_id
from services.kpi.domain.notice_rules import NoticeRules, Person, SinkRule
from services.kpi.domain.notices import Kind, Live, Notice
from tests.notice_desk import HOUR, MINUTE, START, notice

RULES = NoticeRules(
    sinks={
        "ja": SinkRule(name="ja", most_lines=3),
        "en": SinkRule(name="en", language="en", most_lines=3),
    },
    people={"yui@example.co.jp": Person(name="田中 結衣")},
    link="https://tasuki.example/leads/{lead_id}",
    policy_names={"mql-response": {"ja": "MQL対応", "en": "first response"}},
)


def message(*notices: Notice, sink: str = "en", live: dict[str, Live] | None = None) -> Message:
    """Return a message with *notices*, sent at START."""
    states = {each.clock: (live or {})[each.lead_id] for each in notices if each.lead_id in (live or {})}
    return Message(message_id(tuple(each.id for each in notices)), sink, "", notices, START, states)


def rendered(*notices: Notice, sink: str = "en", live: dict[str, Live] | None = None) -> Rendered:
    """Return the message in words."""
    return Renderer(RULES).render(message(*notices, sink=sink, live=live))


def test_a_digest_begins_with_the_most_overdue_and_counts_what_it_does_not_show() -> None:
    """12 overdue, 3 shown, 9 more."""
    alerts = [notice("breached", f"lead-{hours:02}", overdue_ms=hours * HOUR) for hours in range(12)]
    text = rendered(*alerts)

    assert text.title == "[tasuki] 12 leads overdue"
    assert [line[2:] for line in text.body.splitlines() if "https" in line] == [
        f"https://tasuki.example/leads/lead-{hours}" for hours in (11, 10, "09")
    ]
    assert "and 9 more" in text.body


def test_what_was_told_long_ago_has_become_more_overdue() -> None:
    """Breaches are told at their deadlines: held back over night, the first of them is the most overdue."""
    early = notice("breached", "early", at=START - 8 * HOUR, overdue_ms=100)
    late = notice("breached", "late", at=START - HOUR, overdue_ms=900)
    found = digest(message(late, early), 5)

    assert [line.notice.lead_id for line in found.lines] == ["early", "late"]
    assert found.lines[0].as_of == START - 8 * HOUR


def test_how_a_clock_stands_now_is_told_where_it_is_known() -> None:
    """Then there's no need to say as of when."""
    held = notice("breached", at=START - 8 * HOUR)
    text = rendered(held, live={"lead-1": Live(ended=False, elapsed_ms=26 * HOUR, overdue_ms=2 * HOUR)})

    assert "elapsed 1 d 2 h | overdue by 2 h" in text.body
    assert "as of" not in text.body
    assert "as of 2026-11-04 06:03" in rendered(held).body


def test_a_message_in_english_has_lead_owner_elapsed_overdue_and_link() -> None:
    """The whole of it, as in docs/alerts.md."""
    text = rendered(
        notice("escalated", overdue_ms=90 * MINUTE, reassign=True, segments={"industry": "製造業"})
    )

    assert text.title == "[tasuki] 1 lead overdue"
    assert text.body == (
        "• Overdue (escalated): first response | lead lead-1 (製造業) | owner 田中 結衣 | elapsed 1 d 1 h"
        " | overdue by 1 h 30 min | deadline 2026-11-04 12:33 | to be reassigned\n"
        "  https://tasuki.example/leads/lead-1\n"
        "ref kpi:lead-1:1:mql-response:1:escalation:1"
    )


def test_a_message_in_japanese_has_the_same() -> None:
    """With the words of the glossary."""
    text = rendered(notice("breached", overdue_ms=90 * MINUTE), notice("warned", "lead-2"), sink="ja")

    assert text.title == "[tasuki] 期限超過 1件、期限間近 1件"
    assert (
        "• 期限超過: MQL対応 ／ リード lead-1 ／ 担当 田中 結衣 ／ 経過 1日1時間 ／ 超過 1時間30分"
        in text.body
    )
    assert "• 期限間近: MQL対応 ／ リード lead-2" in text.body
    assert "残り 6時間" in text.body


def test_alerts_of_one_promise_are_one_line_of_the_last() -> None:
    """A warning, the breach and the escalation in one message say the same thing three times."""
    found = digest(message(notice("warned"), notice("breached"), notice("escalated")), 5)

    assert (found.overdue, found.soon, len(found.lines)) == (1, 0, 1)
    assert found.lines[0].notice.kind is Kind.ESCALATED


def test_the_end_of_a_breach_says_how_long_it_took() -> None:
    """And by how much that was too long; or that it was none."""
    late = rendered(notice("met-late", overdue_ms=90 * MINUTE))
    none = rendered(notice("retracted"))

    assert late.title == "[tasuki] 1 answered late"
    assert "took 1 d 1 h | overdue by 1 h 30 min" in late.body
    assert none.title == "[tasuki] 1 not overdue after all"


def test_what_a_lead_typed_calls_nobody_and_breaks_no_line() -> None:
    """A segment may come from a public form."""
    text = rendered(notice("breached", segments={"company": "<!channel>\n[toall] @everyone " + "長" * 200}))

    assert "‹!channel›" in text.body
    assert not any(sign in text.body for sign in ("<", "[", "@everyone"))
    assert len(max(text.body.splitlines(), key=len)) < 300


def test_an_owner_who_is_not_in_the_rules_is_shown_as_the_sales_tool_has_it() -> None:
    """And a lead without one says so."""
    assert "owner kenta@example.co.jp" in rendered(notice("breached", owner="kenta@example.co.jp")).body
    assert "owner nobody" in rendered(notice("breached", owner=None)).body


def test_instants_without_a_local_time_do_not_stop_a_message() -> None:
    """The schema lets the last day of the year 9999 pass."""
    odd = replace(notice("breached"), deadline_at=253_402_300_799_999)

    assert "deadline ?" in rendered(odd).body


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_a_text_for_each_kind(language: str) -> None:
    """An alert that can't be told would end the sink."""
    assert LANGUAGES[language].kinds.keys() == set(Kind)
