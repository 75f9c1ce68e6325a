"""docs/alerts.md against the code: its messages are what is sent, its receiver takes what we sign."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.kpi.adapters.sinks.signature import signed
from services.kpi.adapters.templates import Renderer
from services.kpi.domain.notice_digest import Message
from services.kpi.domain.notice_rules import NoticeRules, Person, SinkRule
from services.runtime.clock import now_ms
from tests.notice_desk import HOUR, MINUTE, START, notice

PAGE = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
LEAD = "01a19999-b998-7c33-90a5-{}8fd2bbbc22{}"


@pytest.mark.parametrize(("language", "example"), [*zip(("ja", "en"), EXAMPLES, strict=True)])
def test_the_messages_on_the_page_are_what_people_read(language: str, example: str) -> None:
    """To the letter, but for the number of the message."""
    rules = NoticeRules(
        sinks={"chat": SinkRule(name="chat", language=language, most_lines=2)},
        people={"yui@example.co.jp": Person(name="田中 結衣")},
        link="https://tasuki.example.co.jp/leads/{lead_id}",
        policy_names={"mql-response": {"ja": "MQL対応", "en": "first response"}},
    )
    alerts = (
        notice("warned", "soon"),
        notice("breached", LEAD.format(2, 9), overdue_ms=12 * MINUTE),
        notice(
            "escalated",
            LEAD.format(1, 8),
            overdue_ms=2 * HOUR,
            reassign=True,
            segments={"source": "展示会", "industry": "製造業"},
        ),
    )
    text = Renderer(rules).render(Message("digest-3f8d1f…", "chat", "", alerts, START, {}))

    assert f"{text.title}\n{text.body}\n" == example


def test_the_receiver_on_the_page_takes_what_we_sign_and_nothing_else() -> None:
    """As it stands there."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    is_ours: Callable[[str, bytes, str], bool] = names["is_ours"]
    header = signed(b"{}", ["old", "new"], now_ms())

    assert is_ours(header, b"{}", "new")
    assert not is_ours(header, b"{ }", "new")
    assert not is_ours(header, b"{}", "other")
    assert not is_ours(signed(b"{}", ["new"], now_ms() - 400_000), b"{}", "new")
