"""What a limit leaves for whom: the rules, apart from the store."""

from dataclasses import replace

import pytest

from services.sync.domain.priority import Priority
from services.sync.domain.quota import (
    LOOK_MS,
    Hold,
    Limit,
    LimitKind,
    Standing,
    holding,
    is_urgent,
    kept,
    reason,
    reserve_for,
)

NOW = 1_790_000_000_000
"""23:13:20 on 21 September 2026 in Tokyo."""

DAILY = Limit("daily", "daily limit", LimitKind.DAILY, at_midnight=True)
WINDOW = Limit("interval", "10-second limit", LimitKind.WINDOW, 100, span_ms=10_000)
TOLD = Standing(DAILY, most=1_000, left=150, told_at=NOW - 5_000, asked_at=NOW - 5_000)


def test_only_the_first_three_may_use_the_reserve() -> None:
    """An opt-out, a new MQL, a handoff; the rest leaves it alone."""
    assert [each for each in Priority if is_urgent(each)] == [
        Priority.CONSENT,
        Priority.HOT,
        Priority.HANDOFF,
    ]
    assert {reserve_for(each, 0.2) for each in Priority if not is_urgent(each)} == {0.2}


@pytest.mark.parametrize(
    ("most", "rate", "calls"), [(1_000, 0.2, 200), (5, 0.2, 1), (4, 0.2, 0), (1, 0.9, 0)]
)
def test_the_reserve_is_rounded_down_so_that_it_never_is_everything(
    most: int, rate: float, calls: int
) -> None:
    """A limit of a single call has no reserve."""
    assert kept(most, rate) == calls


def test_a_day_that_is_down_to_its_reserve_holds_edits_and_lets_mqls_go() -> None:
    """150 of 1,000 are left, 200 are kept."""
    held = holding([TOLD], Priority.EDIT, 0.2, NOW)

    assert held is not None
    assert (held.hold, held.until) == (Hold.KEPT, NOW - 5_000 + LOOK_MS)
    assert holding([TOLD], Priority.HOT, 0.2, NOW) is None


def test_a_used_up_day_holds_all_but_opt_outs() -> None:
    """An opt-out is tried whatever we believe is left; the vendor is the judge."""
    used = replace(TOLD, left=0)
    held = {each for each in Priority if holding([used], each, 0.2, NOW) is not None}
    assert held == set(Priority) - {Priority.CONSENT}


def test_what_is_unknown_holds_nobody() -> None:
    """Unknown is neither full nor empty; and a figure that is too old is worth a look."""
    assert holding([Standing(DAILY), Standing(WINDOW, most=100)], Priority.BACKFILL, 0.2, NOW) is None
    assert holding([replace(TOLD, left=0)], Priority.BACKFILL, 0.2, NOW - 5_000 + LOOK_MS) is None


def test_a_limit_that_the_vendor_closed_holds_everybody_until_then() -> None:
    """Opt-outs too: the vendor said so itself."""
    closed = Standing(WINDOW, most=100, closed_until=NOW + 30_000)
    held = holding([TOLD, closed], Priority.CONSENT, 0.2, NOW)

    assert held is not None
    assert (held.hold, held.until) == (Hold.CLOSED, NOW + 30_000)
    assert holding([closed], Priority.BACKFILL, 0.2, NOW + 30_000) is None


def test_the_reason_names_the_limit_and_when_it_should_be_free() -> None:
    """A day's limit of HubSpot is whole at midnight; Salesforce's slides, so the next look is told."""
    held = holding([replace(TOLD, left=0)], Priority.EDIT, 0.2, NOW)
    sliding = holding(
        [replace(TOLD, left=0, limit=replace(DAILY, at_midnight=False))], Priority.HOT, 0.2, NOW
    )

    assert held is not None
    assert sliding is not None
    text = reason("hubspot", held, NOW, "Asia/Tokyo")
    assert text == "quota: daily limit of hubspot used up, until 00:00"
    assert reason("salesforce", sliding, NOW, "Asia/Tokyo").endswith("used up, until 23:23")
