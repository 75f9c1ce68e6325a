"""Who gets a lead: evenly, by weight, by team, by who is there, and always the same."""

from collections import Counter
from uuid import UUID

import pytest

from services.sync.domain.assignment import share
from services.sync.domain.records import Side
from services.sync.domain.rules import Assignment, Condition, Job, Team
from services.sync.domain.score_rules import Operator
from tests.firm import DAY, HOUR, START, Story, rules

TEAM: tuple[str, ...] = ("a@x.jp", "b@x.jp", "c@x.jp")
LEADS = [str(UUID(int=number * 0x9E3779B97F4A7C15 % 2**128)) for number in range(1, 3_001)]


def _owner(assignment: Assignment, *, qualified_at: int = START + HOUR, **fields: str | None) -> object:
    """Return whom a lead that qualifies at *qualified_at* goes to."""
    story = Story(rules(assignment=assignment))
    story.marketing(START, email="a@x.jp", last_name="山田", company="A社", **fields)
    story.marketing(qualified_at, visits=99, forms=9, job_title="部長")
    return story.lacks(Side.SFA)["lead"].fields["owner"]


def test_weights_are_kept_in_the_long_run() -> None:
    """Two, one and none of each three leads, to within what chance allows (5 standard deviations)."""
    got = Counter(share(each, TEAM, (2, 1, 0)) for each in LEADS)

    assert got["c@x.jp"] == 0
    assert abs(got["a@x.jp"] - 2_000) < 5 * (3_000 * 2 / 9) ** 0.5


def test_equal_weights_are_no_weights() -> None:
    """So that giving all the same weight moves no lead."""
    assert all(share(each, TEAM, (3, 3, 3)) == share(each, TEAM) for each in LEADS)


def test_only_the_leads_of_who_is_away_go_elsewhere() -> None:
    """The others stay with whom they would have had."""
    with_all = {each: share(each, TEAM, (2, 1, 1)) for each in LEADS}
    without = {each: share(each, TEAM[:2], (2, 1)) for each in LEADS}

    assert all(without[each] == who for each, who in with_all.items() if who != "c@x.jp")


@pytest.mark.parametrize(("days_later", "owner"), [(0, "b@x.jp"), (1, "b@x.jp"), (2, "a@x.jp")])
def test_who_is_away_on_the_day_gets_none(days_later: int, owner: str) -> None:
    """The day on which the lead qualified counts, in the firm's zone, not the day on which it is asked."""
    away = {"a@x.jp": (("2024-04-01", "2024-04-02"),)}
    one = Assignment(sdr=("a@x.jp",), fallback="b@x.jp", absences=away)
    first_day = 1_711_897_200_000 + 9 * HOUR  # 2024-04-01 09:00 in Tokyo

    assert _owner(one, qualified_at=first_day + days_later * DAY) == owner


def test_a_team_that_is_away_as_a_whole_still_loses_no_lead() -> None:
    """Without a fallback somebody has it all the same."""
    away = dict.fromkeys(TEAM, (("2000-01-01", "2099-12-31"),))
    assert _owner(Assignment(sdr=TEAM, absences=away)) in TEAM


def test_who_is_at_work_has_the_lead() -> None:
    """At 09:30 the one who begins at 9, at 03:00 anybody."""
    hours = {
        "a@x.jp": {0: ((9 * 60, 12 * 60),)},
        "b@x.jp": {0: ((13 * 60, 18 * 60),)},
    }
    shifts = Assignment(sdr=("a@x.jp", "b@x.jp"), hours=hours)
    monday = 1_711_897_200_000  # 2024-04-01 00:00 in Tokyo

    assert _owner(shifts, qualified_at=monday + 9 * HOUR + HOUR // 2) == "a@x.jp"
    assert _owner(shifts, qualified_at=monday + 13 * HOUR) == "b@x.jp"
    assert _owner(shifts, qualified_at=monday + 3 * HOUR) in {"a@x.jp", "b@x.jp"}


def test_the_first_team_that_fits_has_the_lead() -> None:
    """Width and case don't matter; whom no team fits goes to the others."""
    west = Condition(field="country", operator=Operator.IS, operands=("Osaka",))
    teams = (Team(job=Job.SDR, people=("west@x.jp",), when=(west,)),)
    both = Assignment(sdr=("east@x.jp",), teams=teams)

    assert _owner(both, country="ＯＳＡＫＡ") == "west@x.jp"
    assert _owner(both, country="Tokyo") == "east@x.jp"


def test_the_owner_of_the_account_comes_first() -> None:
    """Whoever is in the team."""
    accounts = Assignment(sdr=("a@x.jp",), account_owner="account_owner")

    assert _owner(accounts, account_owner="key@x.jp") == "key@x.jp"
    assert _owner(accounts, account_owner=None) == "a@x.jp"
