"""A timeline on the terminal says who a lead is and for whom it works, or which company it is."""

from typing import Any

import pytest
from rich.console import Console

from services.cli.timeline import show

LEAD: dict[str, Any] = {
    "lead_id": "11111111-1111-4111-8111-111111111111",
    "stage": "mql",
    "cycle": 1,
    "origin": "sdr",
    "score": 40,
    "score_reasons": [{"text": "資料請求 +40"}],
    "consents": [],
    "links": {},
    "fields": {},
    "company": {"id": "company:acme.co.jp", "industry": "製造"},
    "members": 0,
    "entries": [],
    "waiting": [],
    "refused": [],
}
COMPANY: dict[str, Any] = LEAD | {
    "lead_id": "company:acme.co.jp",
    "company": None,
    "members": 3,
    "fields": {"industry": {"ma": "製造", "sfa": "商社"}},
}


def shown(found: dict[str, Any], language: str) -> list[str]:
    """Return the lines of *found* on a terminal."""
    console = Console(width=200, record=True, quiet=False, file=None, force_terminal=False)
    with console.capture() as captured:
        show(found, console, time_zone="Asia/Tokyo", language=language)
    return [line.strip() for line in captured.get().splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("language", "works_for"),
    [("en", "company: acme.co.jp (industry='製造')"), ("ja", "会社: acme.co.jp (industry='製造')")],
)
def test_a_lead_names_the_company_that_it_works_for(language: str, works_for: str) -> None:
    """Beside how far it came and why."""
    lines = shown(LEAD, language)
    assert lines[:4] == [f"{LEAD['lead_id']}   mql (cycle 1, SDR)", "score 40", "資料請求 +40", works_for]


def test_a_company_shows_what_its_sides_say_and_nothing_of_a_lead() -> None:
    """It has no stage and no score, but leads."""
    lines = shown(COMPANY, "en")
    assert lines[:3] == ["company:acme.co.jp", "industry: ma='製造', sfa='商社'", "leads: 3"]
    assert not any("score" in line for line in lines)
