"""The vendors' limits as the settings and the vendors' pages have them, and a governor for each system."""

from collections.abc import Callable, Mapping, Sequence

from services.runtime.clock import Clock, now_ms
from services.runtime.metrics import Metrics
from services.runtime.store import Store
from services.sync.adapters.hubspot import client as hubspot
from services.sync.adapters.quota import QuotaGovernor
from services.sync.adapters.salesforce import errors as salesforce
from services.sync.consumers.timeline import Why
from services.sync.domain.priority import Priority
from services.sync.domain.quota import Limit, LimitKind
from services.sync.domain.records import Side
from services.sync.settings import Settings

HUBSPOT_WINDOW_MS = 10_000
HUBSPOT_SEARCHES_A_SECOND = 5
"""
Of the whole account, so of all its apps together; no answer tells what is left.

Source: https://developers.hubspot.com/docs/api/crm/search
"""

SALESFORCE_CONCURRENT = 25
"""
Of the organisation, and only of calls that take 20 seconds or longer; nobody knows before which will.

Source: https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/
salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm
"""

Refused = Callable[[str, str, Priority], None]
"""Told of each call that waited in vain: system, limit, priority."""


def hubspot_limits(requests_per_10s: int) -> Sequence[Limit]:
    """
    Return HubSpot's limits; *requests_per_10s* is assumed until the first answer.

    The headers tell of a day only where it has a limit, which it hasn't for apps with OAuth.
    Source: https://developers.hubspot.com/docs/api/usage-details
    """
    return (
        Limit(
            hubspot.INTERVAL, "10-second limit", LimitKind.WINDOW, requests_per_10s, span_ms=HUBSPOT_WINDOW_MS
        ),
        Limit(hubspot.DAILY, "daily limit", LimitKind.DAILY, at_midnight=True),
        Limit(hubspot.SEARCH, "search limit", LimitKind.WINDOW, HUBSPOT_SEARCHES_A_SECOND, span_ms=1_000),
    )


def salesforce_limits() -> Sequence[Limit]:
    """
    Return Salesforce's limits; those of a day slide over 24 hours, and each answer tells how they stand.

    Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm
    """
    return (
        Limit(salesforce.DAILY, "daily limit", LimitKind.DAILY),
        Limit(
            salesforce.CONCURRENT, "limit of concurrent calls", LimitKind.CONCURRENT, SALESFORCE_CONCURRENT
        ),
    )


def make_governors(
    settings: Settings,
    store: Store,
    clock: Clock = now_ms,
    refused: Refused = lambda _system, _limit, _priority: None,
) -> Mapping[str, QuotaGovernor]:
    """Return the governor of each system."""
    limits = {
        settings.ma.system: hubspot_limits(settings.ma.requests_per_10s),
        settings.sfa.system: salesforce_limits(),
    }
    return {
        system: QuotaGovernor(
            store,
            system=system,
            limits=each,
            reserve_rate=settings.sync.mql_reserve_rate,
            time_zone=settings.firm.time_zone,
            clock=clock,
            refused=lambda limit, priority, system=system: refused(system, limit, priority),
        )
        for system, each in limits.items()
    }


def counting_held(metrics: Metrics) -> Refused:
    """Return what counts the calls that waited in vain."""

    def held(system: str, limit: str, priority: Priority) -> None:
        metrics.count("tasuki_quota_held_total", system=system, limit=limit, priority=priority.name.lower())

    return held


def why_waiting(governors: Mapping[str, QuotaGovernor], settings: Settings) -> Why:
    """Return what says in words why a side's work of a priority waits for the quota."""
    systems = {Side.MA: settings.ma.system, Side.SFA: settings.sfa.system}

    async def why(side: Side, priority: Priority) -> str | None:
        return await governors[systems[side]].why(priority)

    return why
