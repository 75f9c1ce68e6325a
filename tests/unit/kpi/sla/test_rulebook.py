"""Eras of promises: when one begins, what it takes the place of, and what is the same."""

from dataclasses import replace

import pytest

from services.errors import Misconfigured
from services.kpi.adapters.rulebook_codec import encode_eras, fingerprint
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rulebook import BookEra, Rulebook, differing, eras_of, next_era
from tests.unit.kpi.sla.worlds import HOUR, OFFICE, RESPONSE

OTHER = Policy(name="other", starts=("sql",), stops=("won",), targets=(Target(budget_ms=HOUR),))
FIRST = Rulebook.of([RESPONSE], {"office": OFFICE})
BOTH = Rulebook.of([RESPONSE, OTHER], {"office": OFFICE})
CHANGED = Rulebook.of([replace(RESPONSE, breach_notify=("team-lead",))], {"office": OFFICE})


def begun(history: list[BookEra], book: Rulebook, now: int, *, reaching_back: bool = False) -> list[BookEra]:
    """Return *history* with the era that begins at *now*, if one does."""
    era = next_era(history, book, fingerprint(book), now=now, first_at=100, reaching_back=reaching_back)
    return history if era is None else [*history, era]


def test_a_policy_that_stays_has_one_era_whatever_happens_beside_it() -> None:
    """A promise that is added holds from then on; one that is removed ends."""
    history = begun(begun(begun([], FIRST, 500), BOTH, 600), FIRST, 700)
    found = eras_of(history)
    assert [each.from_at for each in found["mql-response"]] == [100]
    assert [(each.from_at, each.terms is None) for each in found["other"]] == [(600, False), (700, True)]
    rules = ClockRules.of(history)
    assert rules.number == 3
    assert [rules.promises("sql", at) for at in (599, 600, 699, 700)] == [False, True, True, False]


def test_a_change_that_reaches_back_takes_the_place_of_all_before() -> None:
    """The eras stay known, so that clocks that were worked out by them can be compared."""
    history = begun(begun(begun([], FIRST, 500), BOTH, 600), CHANGED, 700, reaching_back=True)
    assert [each.from_at for each in history] == [100, 600, 100]
    assert history[-1].reaches_back
    found = eras_of(history)
    assert [each.from_at for each in found["mql-response"]] == [100]
    assert found["mql-response"][0].terms == CHANGED.terms["mql-response"]
    assert found["other"] == ()


def test_a_clock_that_went_back_begins_no_era_before_the_last() -> None:
    """Eras stay in their order."""
    history = begun(begun([], FIRST, 500), BOTH, 600)
    assert [each.from_at for each in begun(history, FIRST, 400)] == [100, 600, 601]


def test_a_calendar_that_nothing_names_changes_nothing() -> None:
    """Nor do the order of policies and the order of calendars."""
    odd = Rulebook.of([OTHER, RESPONSE], {"shop": replace(OFFICE, name="shop"), "office": OFFICE})
    assert odd == BOTH
    assert fingerprint(odd) == fingerprint(BOTH)
    assert encode_eras(begun([], odd, 500)) == encode_eras(begun([], BOTH, 500))


def test_what_differs_is_named() -> None:
    """Added, removed, changed; a calendar that is another changes the promises that name it."""
    assert differing(FIRST, BOTH) == (["other"], [], [])
    assert differing(BOTH, CHANGED) == ([], ["other"], ["mql-response"])
    closed = Rulebook.of([RESPONSE], {"office": replace(OFFICE, holidays=frozenset())})
    assert differing(FIRST, closed) == ([], [], ["mql-response"])


def test_two_promises_of_one_name_are_refused() -> None:
    """Nobody could tell their clocks apart."""
    with pytest.raises(Misconfigured, match="other"):
        Rulebook.of([OTHER, OTHER])
