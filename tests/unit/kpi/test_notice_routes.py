"""Who hears of an alert: by role, team and segment, else by default."""

from dataclasses import replace

from services.kpi.domain.notice_routes import channels_for
from services.kpi.domain.notice_rules import NoticeRules, Person, Route, SinkRule
from services.kpi.domain.notices import Channel, Severity
from tests.notice_desk import notice

SINKS = {name: SinkRule(name=name) for name in ("mail", "east", "heads", "fallback")}
PEOPLE = {
    "yui@example.co.jp": Person(name="田中 結衣", team="east", addresses={"mail": "yui@example.co.jp"}),
    "lead-east": Person(name="鈴木 一郎", addresses={"mail": "suzuki@example.co.jp"}),
    "head": Person(name="部長", addresses={"mail": "head@example.co.jp"}),
    "no-mail": Person(name="無し", team="west"),
}
RULES = NoticeRules(
    sinks=SINKS,
    routes=(
        Route(sink="mail", roles=frozenset({"owner", "team-lead", "head"}), personal=True),
        Route(sink="east", teams=frozenset({"east"}), least=Severity.BREACH),
        Route(sink="heads", roles=frozenset({"department"}), segments={"size": frozenset({"large"})}),
    ),
    default=("fallback",),
    people=PEOPLE,
    holders={"team-lead": {"east": "lead-east", "": "head"}},
)


def test_the_owner_is_told_at_the_own_address() -> None:
    """And the team's channel, from the severity on that it wants."""
    assert channels_for(notice("warned"), RULES) == (Channel("mail", "yui@example.co.jp"),)
    assert channels_for(notice("breached"), RULES) == (
        Channel("mail", "yui@example.co.jp"),
        Channel("east"),
    )


def test_an_unknown_owner_is_told_by_default() -> None:
    """So is one without an address there, and a lead without an owner."""
    for owner in ("stranger@example.co.jp", "no-mail", None):
        assert channels_for(notice("warned", owner=owner), RULES) == (Channel("fallback"),)


def test_a_role_is_held_by_somebody_for_each_team() -> None:
    """With one for all teams that name nobody."""
    known = notice("escalated", notify=("team-lead",))
    other = notice("escalated", notify=("team-lead",), owner=None, segments={"team": "north"})

    assert Channel("mail", "suzuki@example.co.jp") in channels_for(known, RULES)
    assert channels_for(other, RULES) == (Channel("mail", "head@example.co.jp"),)


def test_a_policy_may_notify_somebody_by_name() -> None:
    """As the people are called in the rules."""
    assert Channel("mail", "head@example.co.jp") in channels_for(notice("breached", notify=("head",)), RULES)


def test_the_team_comes_from_the_lead_where_the_owner_is_not_known() -> None:
    """From its segment of that name."""
    found = channels_for(notice("breached", owner=None, segments={"team": "east"}), RULES)

    assert found == (Channel("east"), Channel("fallback"))


def test_a_route_may_ask_for_segments() -> None:
    """All of them, each one of the values; else the default takes it."""
    large = notice("breached", owner="no-mail", notify=("department",), segments={"size": "large"})
    small = notice("breached", owner="no-mail", notify=("department",), segments={"size": "small"})

    assert channels_for(large, RULES) == (Channel("heads"),)
    assert channels_for(small, RULES) == (Channel("fallback"),)


def test_an_alert_goes_to_a_channel_once_however_many_roles_lead_there() -> None:
    """Two roles of one person, or two routes to one sink."""
    found = channels_for(notice("breached", notify=("owner", "yui@example.co.jp")), RULES)

    assert sorted(found) == sorted(set(found))


def test_an_alert_that_names_nobody_goes_where_no_role_is_asked_for() -> None:
    """Else to the default."""
    assert channels_for(notice("breached", notify=()), RULES) == (Channel("east"),)
    assert channels_for(notice("warned", notify=()), RULES) == (Channel("fallback"),)


def test_without_a_default_an_alert_may_go_nowhere() -> None:
    """Which the notifier counts."""
    assert channels_for(notice("warned", owner=None), NoticeRules(sinks=SINKS)) == ()


def test_sinks_that_are_named_but_not_there_are_found() -> None:
    """Before anything is lost to them."""
    rules = NoticeRules(sinks=SINKS, routes=(Route(sink="gone"),), default=("mail", "never"))

    assert rules.unknown_sinks() == ["gone", "never"]


def test_a_task_is_for_who_has_the_role_else_for_the_lead_s_owner() -> None:
    """Whose address isn't known is no reason for another sink: sync knows who owns the lead."""
    route = Route(sink="mail", personal=True, else_own=True)
    rules = replace(RULES, routes=(route,))
    assert channels_for(notice("breached"), rules) == (Channel("mail", "yui@example.co.jp"),)
    assert channels_for(notice("breached", owner="stranger@example.co.jp"), rules) == (Channel("mail"),)
