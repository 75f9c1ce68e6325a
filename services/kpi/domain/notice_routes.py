"""Which channels an alert goes to: by whom it names, by team and segment, else by default."""

from collections.abc import Iterator

from services.kpi.domain.notice_rules import NoticeRules, Person, Route
from services.kpi.domain.notices import Channel, Notice

OWNER = "owner"
NOBODY = ""
"""The role of an alert that names nobody: only routes without roles take it."""


def channels_for(notice: Notice, rules: NoticeRules) -> tuple[Channel, ...]:
    """
    Return where *notice* goes, each channel once; empty if nothing takes it and there is no default.

    The default is added for a role that no route takes, and where a personal route finds no address.
    """
    team = team_of(notice, rules)
    found: dict[Channel, None] = {}
    for role in notice.notify or (NOBODY,):
        routed = list(_routed(notice, role, team, rules))
        found |= dict.fromkeys(each for each in routed if each is not None)
        if not routed or None in routed:
            found |= dict.fromkeys(Channel(name) for name in rules.default)
    return tuple(found)


def team_of(notice: Notice, rules: NoticeRules) -> str | None:
    """Return the owner's team, else the lead's segment of that name."""
    owner = rules.people.get(notice.owner or "")
    if owner is not None and owner.team is not None:
        return owner.team
    return notice.segments.get(rules.team_segment)


def who(role: str, notice: Notice, team: str | None, rules: NoticeRules) -> Person | None:
    """Return who has *role* for *notice*: the owner, the holder for the team, or who is named so."""
    if role == OWNER:
        return rules.people.get(notice.owner or "")
    holders = rules.holders.get(role)
    if holders is None:
        return rules.people.get(role)
    return rules.people.get(holders.get(team or "", holders.get("", "")))


def _routed(notice: Notice, role: str, team: str | None, rules: NoticeRules) -> Iterator[Channel | None]:
    for route in rules.routes:
        if not _takes(route, notice, role, team):
            continue
        if not route.personal:
            yield Channel(route.sink)
            continue
        person = who(role, notice, team, rules)
        address = None if person is None else person.addresses.get(route.sink)
        if address is None and route.else_own:
            address = ""
        yield None if address is None else Channel(route.sink, address)


def _takes(route: Route, notice: Notice, role: str, team: str | None) -> bool:
    return (
        (not route.roles or role in route.roles)
        and (not route.teams or team in route.teams)
        and (not route.origins or notice.origin in route.origins)
        and (not route.policies or notice.policy in route.policies)
        and (not route.kinds or notice.kind in route.kinds)
        and notice.severity >= route.least
        and all(notice.segments.get(name) in values for name, values in route.segments.items())
    )
