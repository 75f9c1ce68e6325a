"""Turns people, roles, sinks and routes into the notifier's rules and the sinks' settings."""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Final

from services.configuration.named_secrets import sink_variable
from services.configuration.platform import Platform, present
from services.configuration.sections import Firm
from services.kpi.domain.notice_quiet import QuietHours
from services.kpi.domain.notice_rules import NoticeRules, Person, Route, SinkRule
from services.kpi.domain.notices import Severity
from services.kpi.settings.alert_sections import QuietTable, RouteEntry, SinkEntry
from services.kpi.settings.defaults import LABELS
from services.kpi.settings.draft import Draft
from services.kpi.settings.model import SinkSettings
from services.kpi.settings.promise_section import PromiseEntry

SEVERITY: Final = {
    "warning": Severity.WARNING,
    "breach": Severity.BREACH,
    "escalation": Severity.ESCALATION,
}


def notice_rules(draft: Draft, firm: Firm) -> NoticeRules:
    """Return the rules of a *draft* in which nothing is wrong."""
    alerts = present(draft.alerts)
    tasks = [each.value.name for each in draft.sinks if each.value.kind == "sales-task"]
    return NoticeRules(
        sinks=MappingProxyType({each.value.name: sink_rule(each.value, firm) for each in draft.sinks}),
        routes=tuple(_route(each.value, tasks) for each in draft.routes),
        default=alerts.default,
        people=MappingProxyType(
            {
                each.value.email: Person(
                    name=each.value.name,
                    team=each.value.team,
                    addresses=MappingProxyType(
                        {**dict.fromkeys(tasks, each.value.email), **each.value.addresses}
                    ),
                )
                for each in draft.people
            }
        ),
        holders=_holders(draft),
        team_segment=alerts.team_segment,
        link=alerts.link or f"{firm.public_url}/leads/{{lead_id}}",
        time_zone=firm.time_zone,
        policy_names=_labels(draft),
        shown_segments=alerts.shown_segments,
    )


def sink_rule(sink: SinkEntry, firm: Firm) -> SinkRule:
    """Return how *sink* is fed."""
    usual = _USUAL[sink.kind](sink.name)
    return SinkRule(
        name=sink.name,
        language=sink.language or firm.language,
        window_ms=usual.window_ms if sink.window_ms is None else sink.window_ms,
        most_alerts=sink.most_alerts or usual.most_alerts,
        most_lines=sink.most_lines,
        limit=usual.limit if sink.limit is None else sink.limit,
        period_ms=sink.period_ms,
        quiet=None if sink.quiet is None else _quiet(sink.quiet, firm),
        current_only=usual.current_only if sink.current_only is None else sink.current_only,
        timeout_ms=sink.timeout_ms,
        first_wait_ms=sink.first_wait_ms,
        longest_wait_ms=sink.longest_wait_ms,
        longest_hold_ms=sink.longest_hold_ms,
        keeps_ms=sink.keeps_ms,
        most_waiting=sink.most_waiting,
        remembers_ms=sink.remembers_ms,
    )


def sink_settings(draft: Draft, platform: Platform) -> tuple[SinkSettings, ...]:
    """Return the sinks with their secrets."""
    named = platform.secrets.named
    return tuple(
        SinkSettings(
            name=each.name,
            kind=each.kind,
            rule=sink_rule(each, platform.firm),
            address=named.get(sink_variable(each.name, "URL")),
            secrets=tuple(
                secret
                for what in ("SECRET", "SECRET_OLD")
                if (secret := named.get(sink_variable(each.name, what))) is not None
            ),
        )
        for each in (entry.value for entry in draft.sinks)
    )


def _quiet(quiet: QuietTable, firm: Firm) -> QuietHours:
    return QuietHours(
        zone=quiet.time_zone or firm.time_zone,
        spans=quiet.hours,
        passes=None if quiet.passes is None else SEVERITY[quiet.passes],
        policies=frozenset(quiet.policies),
    )


_USUAL: Final[Mapping[str, Callable[[str], SinkRule]]] = {
    "apprise": lambda name: SinkRule(name=name),
    "webhook": SinkRule.for_machines,
    "sales-task": SinkRule.for_tasks,
}


def _route(route: RouteEntry, tasks: Collection[str]) -> Route:
    """Return *route*; a task is for somebody, so routes to *tasks* are personal unless they say otherwise."""
    is_task = route.sink in tasks
    return Route(
        sink=route.sink,
        roles=frozenset(route.roles),
        teams=frozenset(route.teams),
        segments=MappingProxyType({name: frozenset(values) for name, values in route.segments.items()}),
        origins=frozenset(route.origins),
        policies=frozenset(route.policies),
        kinds=frozenset(route.kinds),
        least=SEVERITY[route.least],
        personal=is_task if route.personal is None else route.personal,
        else_own=is_task,
    )


def _holders(draft: Draft) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for each in draft.roles:
        found.setdefault(each.value.role, {})[each.value.team or ""] = each.value.person
    return MappingProxyType(found)


def _labels(draft: Draft) -> Mapping[str, Mapping[str, str]]:
    if draft.sla is None:
        return MappingProxyType(LABELS)
    return MappingProxyType({each.value.name: _label(each.value) for each in draft.sla})


def _label(promise: PromiseEntry) -> Mapping[str, str]:
    label = promise.label or promise.name
    return {"en": label, "ja": promise.label_ja or label}
