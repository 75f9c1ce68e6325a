"""The reasons of a score in words: points, since when, and what becomes of them, in both languages."""

from dataclasses import replace

import pytest

from services.sync.domain.lifecycle import trace
from services.sync.domain.score_rules import BehaviourRule, ScoreGroup
from services.sync.domain.score_words import reason_line, reason_lines, reasons
from services.sync.domain.tally import Reason
from tests.firm import DAY, MINUTE, SCORING, START, Story, rules

GUIDE = BehaviourRule(counter="forms", points=20, label="Guide", label_ja="資料請求")
WEBINAR = BehaviourRule(activity="seminar", points=15, lapse_days=30, label="Webinar", label_ja="ウェビナー")
MAIL = BehaviourRule(counter="visits", points=9, halving_days=10, label="Mail", label_ja="メール", group="m")
FIRM = replace(
    SCORING,
    behaviours=(GUIDE, WEBINAR, MAIL),
    groups=(ScoreGroup(name="m", cap=7, label="Mail at most", label_ja="メール上限"),),
)


@pytest.mark.parametrize(
    ("language", "days", "lines"),
    [
        (
            "ja",
            3,
            [
                "資料請求 +20(3日前)",
                "ウェビナー +15(3日前、2026-10-21に失効)",
                "メール +9(3日前、2026-10-01から+4)",
                "メール上限 -2",
            ],
        ),
        (
            "en",
            1,
            [
                "Guide +20 (yesterday)",
                "Webinar +15 (yesterday, lapses on 2026-10-21)",
                "Mail +9 (yesterday, +4 from 2026-10-01)",
                "Mail at most -2",
            ],
        ),
        (
            "en",
            None,
            [
                "Guide +20 (2026-09-21)",
                "Webinar +15 (2026-09-21, lapses on 2026-10-21)",
                "Mail +9 (2026-09-21, +4 from 2026-10-01)",
                "Mail at most -2",
            ],
        ),
    ],
)
def test_each_reason_says_since_when_and_what_becomes_of_it(
    language: str, days: int | None, lines: list[str]
) -> None:
    """By the firm's days; a reader of later gets dates."""
    story = Story(rules(scoring=FIRM, language=language))
    story.marketing(START, forms=1, visits=1)
    story.activity(START, "seminar", side="ma")
    life = trace(story.lead, story.rules)

    assert reason_lines(life, story.rules, None if days is None else START + days * DAY) == lines
    assert sum(each.points for each in life.reasons) == life.score


@pytest.mark.parametrize(
    ("at", "ja", "en"),
    [
        (START, "資料請求 +5(今日)", "Guide +5 (today)"),
        (START - DAY, "資料請求 +5(昨日)", "Guide +5 (yesterday)"),
        (START + DAY, "資料請求 +5(2026-09-22)", "Guide +5 (2026-09-22)"),
        (0, "資料請求 +5", "Guide +5"),
    ],
)
def test_days_are_told_as_people_do(at: int, ja: str, en: str) -> None:
    """Today and yesterday by name; a day to come by its date; no instant, no day."""
    reason = Reason("Guide", 5, at)

    assert reason_line(reason, rules(scoring=FIRM), START + MINUTE) == ja
    assert reason_line(reason, rules(scoring=FIRM, language="en"), START + MINUTE) == en


def test_the_line_in_the_sales_tool_changes_with_the_points_only() -> None:
    """No day is in it: it isn't written again because a day went by."""
    story = Story(rules(scoring=FIRM))
    story.marketing(START, forms=1, visits=1)
    life = trace(story.lead, story.rules)

    assert reasons(life, story.rules) == "資料請求 +20、メール +9、メール上限 -2"
