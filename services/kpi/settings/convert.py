"""Turns the checked shape of the file into the domain's counting rules, targets, promises and calendars."""

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from services.configuration.platform import Platform, present
from services.kpi.domain.calendar import Calendar
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.goals import Goals
from services.kpi.domain.metric import Metric, Target
from services.kpi.domain.rules import OUTCOMES, CountingRules, Sign, plain
from services.kpi.domain.sla import policy as sla
from services.kpi.domain.sla.calendar import WEEKDAYS
from services.kpi.domain.sla.deadlines import Hours
from services.kpi.domain.windows import Window
from services.kpi.settings.alerts import notice_rules, sink_settings
from services.kpi.settings.calendars import calendar_of
from services.kpi.settings.counting_section import KpiSection, RoleTargets
from services.kpi.settings.defaults import PROMISES
from services.kpi.settings.draft import Draft
from services.kpi.settings.feed import feed_settings
from services.kpi.settings.model import Settings, SnapshotSettings
from services.kpi.settings.promise_section import PromiseEntry


def to_settings(draft: Draft, platform: Platform) -> Settings:
    """Return the settings of a *draft* in which nothing is wrong."""
    kpi = present(draft.kpi)
    return Settings(
        **{each.name: getattr(platform, each.name) for each in dataclasses.fields(Platform)},
        counting=_counting(draft, kpi, platform.firm.time_zone),
        targets=MappingProxyType(dict(_targets(kpi))),
        goals=None if kpi.goals is None else Goals(**dict(kpi.goals)),
        policies=policies_of(draft),
        calendars=_calendars(draft, platform.firm.time_zone),
        grace_ms=kpi.clock_grace_ms,
        timers_batch=kpi.clock_batch,
        promised_from=_promised_from(kpi, platform.firm.time_zone),
        snapshots=SnapshotSettings(
            windows=tuple(dict.fromkeys(Window(each) for each in kpi.snapshot_windows)),
            every_ms=kpi.snapshot_every_ms,
        ),
        notices=notice_rules(draft, platform.firm),
        sinks=sink_settings(draft, platform),
        feed=feed_settings(present(draft.feed), platform.secrets),
    )


def _counting(draft: Draft, kpi: KpiSection, time_zone: str) -> CountingRules:
    own = {plain(outcome): Sign[name.upper()] for outcome, name in kpi.outcomes.items()}
    return CountingRules(
        time_zone=time_zone,
        dimensions=kpi.dimensions,
        teams=MappingProxyType(
            {each.value.email: each.value.team for each in draft.people if each.value.team}
        ),
        horizons_days=kpi.horizons_days,
        outcomes=MappingProxyType({**OUTCOMES, **own}),
        customer=kpi.customer,
        existing=frozenset(kpi.existing),
        keep_minutes_ms=kpi.keep_minutes_ms,
        keep_hours_ms=kpi.keep_hours_ms,
        first_weekday=WEEKDAYS.index(kpi.first_weekday),
        fiscal_month=kpi.fiscal_month,
    )


def _promised_from(kpi: KpiSection, time_zone: str) -> int | None:
    day = kpi.promised_from
    return None if day is None else Calendar(time_zone).day_start(day.toordinal())


def _targets(kpi: KpiSection) -> Iterator[tuple[tuple[str, str], Target]]:
    for metric in METRICS.values():
        own = kpi.targets.get(metric.name, RoleTargets())
        for role in ("sdr", "bdr"):
            target = _target(metric, own, role)
            if target is not None:
                yield (metric.name, role), target


def _target(metric: Metric, own: RoleTargets, role: str) -> Target | None:
    usual: Target | None = metric.target_sdr if role == "sdr" else metric.target_bdr
    if role not in own.model_fields_set:
        return usual
    wanted: Target | None = own.sdr if role == "sdr" else own.bdr
    if wanted is None or usual is None:
        return wanted
    # What the number is a share of, or a number per, stays as the catalogue has it.
    return dataclasses.replace(usual, low=wanted.low, high=wanted.high, from_goal=None)


def _calendars(draft: Draft, time_zone: str) -> Mapping[str, Hours]:
    found: dict[str, Hours] = {
        str(each.path[-1]): calendar_of(str(each.path[-1]), each.value, time_zone) for each in draft.calendars
    }
    return MappingProxyType(found)


def policies_of(draft: Draft) -> tuple[sla.Policy, ...]:
    """Return the promises: the file's, or the built-in ones where it says nothing of them."""
    return PROMISES if draft.sla is None else tuple(policy_of(each.value) for each in draft.sla)


def policy_of(entry: PromiseEntry) -> sla.Policy:
    """Return the promise of *entry*. Raises Misconfigured."""
    return sla.Policy(
        name=entry.name,
        starts=entry.starts,
        stops=entry.stops,
        targets=tuple(
            sla.Target(
                budget_ms=each.within_ms, calendar=each.calendar, when=MappingProxyType(dict(each.when))
            )
            for each in entry.targets
        ),
        cancels=entry.cancels,
        resets=entry.resets,
        reopens=entry.reopens,
        reopening=entry.reopening,
        pauses=tuple(sla.Pause(begins=each.begins, ends=each.ends) for each in entry.pauses),
        warnings=tuple(sla.Warn(share=each.share, notify=each.notify) for each in entry.warnings),
        breach_notify=entry.breach_notify,
        escalations=tuple(
            sla.Escalation(
                notify=each.notify, after_ms=each.after_ms, share=each.share, reassign=each.reassign
            )
            for each in entry.escalations
        ),
        overdue=entry.overdue,
    )
