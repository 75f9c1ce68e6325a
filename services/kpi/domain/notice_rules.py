"""Who hears of which alert, where, how often and when: the firm's rules as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from services.kpi.domain.notice_quiet import QuietHours
from services.kpi.domain.notices import Kind, Severity

_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkRule:
    """
    How one sink is fed: an address that messages go to by one technology.

    Args:
        name: Lower-case letters, digits and dashes.
        language: ``ja`` or ``en``.
        window_ms: An alert waits so long for others, to become one message with them.
        most_alerts: In one message.
        most_lines: Of alerts that a message shows; the rest is a count.
        limit: At most so many messages to a channel in `period_ms`; 0 is no limit.
        current_only: Whether alerts whose clock ended while they waited are dropped; False for machines that
            want each alert.
        timeout_ms: For one message.
        first_wait_ms: After the first failure; doubles up to `longest_wait_ms`, shortened by chance by up to a half.
        longest_hold_ms: The most that a receiver's ``Retry-After`` is obeyed.
        keeps_ms: What waited for so long is dropped.
        most_waiting: What comes while so many wait is dropped.
        remembers_ms: Alerts that are done, and who was told of a breach, are known for so long.
    """

    name: str
    language: str = "ja"
    window_ms: int = 30_000
    most_alerts: int = 500
    most_lines: int = 15
    limit: int = 10
    period_ms: int = _HOUR_MS
    quiet: QuietHours | None = None
    current_only: bool = True
    timeout_ms: int = 15_000
    first_wait_ms: int = 1_000
    longest_wait_ms: int = 5 * _MINUTE_MS
    longest_hold_ms: int = _HOUR_MS
    keeps_ms: int = 7 * _DAY_MS
    most_waiting: int = 10_000
    remembers_ms: int = 30 * _DAY_MS

    @classmethod
    def for_machines(cls, name: str) -> Self:
        """Return the rule of a sink that takes each alert by itself, at once, whatever became of it."""
        return cls(name=name, window_ms=0, most_alerts=1, limit=0, current_only=False)

    @classmethod
    def for_tasks(cls, name: str) -> Self:
        """Return the rule of a sink that makes a task of each alert, at once, unless nothing is left to do."""
        return cls(name=name, window_ms=0, most_alerts=1, limit=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    Alerts that are as all of the conditions say go to `sink`; an empty condition is none.

    Args:
        roles: Of those that the alert names to be told: ``owner``, ``team-lead``, ``department``, or a name.
        teams: The owner's, or the lead's segment of that name.
        segments: The lead's, each one of the values.
        origins: ``sdr``, ``bdr``.
        least: The least severity. The end of a breach isn't routed: it goes to those who were told of it.
        personal: To the address of whoever has the role, at that sink; False: to the sink's own address.
        else_own: Where a personal route finds no address, to the sink's own address, not to the default sinks.
    """

    sink: str
    roles: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    segments: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    origins: frozenset[str] = frozenset()
    policies: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    least: Severity = Severity.WARNING
    personal: bool = False
    else_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who can be told: the name shown, the team, and the address at each sink that has one."""

    name: str
    team: str | None = None
    addresses: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRules:
    """
    All rules of the notifier.

    Args:
        sinks: By name.
        routes: All that match apply.
        default: The sinks for alerts that no route takes, and for whom nobody is found.
        people: By what `owner` holds (an e-mail address), or by the name that a policy notifies.
        holders: For each role but ``owner``: its holder for each team, a key of `people`; "" for all other teams.
        team_segment: The segment that holds the team, where the owner's isn't known.
        link: The address of a lead's page, ``{lead_id}`` in it.
        time_zone: In which times are shown.
        policy_names: What a policy is called, by language.
        shown_segments: The lead's segments that messages show, in this order.
    """

    sinks: Mapping[str, SinkRule]
    routes: tuple[Route, ...] = ()
    default: tuple[str, ...] = ()
    people: Mapping[str, Person] = field(default_factory=dict[str, Person])
    holders: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    team_segment: str = "team"
    link: str = "http://127.0.0.1:8080/leads/{lead_id}"
    time_zone: str = "Asia/Tokyo"
    policy_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    shown_segments: tuple[str, ...] = ("company", "source", "industry")

    def unknown_sinks(self) -> list[str]:
        """Return the sinks that routes or the default name and that there are no rules for, in order."""
        named = {*self.default, *(route.sink for route in self.routes)}
        return sorted(named - self.sinks.keys())
