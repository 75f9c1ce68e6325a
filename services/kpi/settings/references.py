"""What the KPI service's sections name of sync's: the segments that leads carry, and the milestones that they reach."""

from collections.abc import Collection, Iterator

from services.configuration.places import KeyPath
from services.kpi.domain.rules import OWNER, ROLE, TEAM
from services.kpi.domain.sla.policy import names
from services.kpi.settings.checks.promises import ACTIVITIES, FACTS
from services.kpi.settings.draft import Draft

_OF_EVERY_LEAD = frozenset({"origin", "owner"})


def unreachable(draft: Draft, told: Collection[str]) -> Iterator[tuple[KeyPath, str]]:
    """Yield the place of each list of the file's promises none of which can happen where only *told* does, and its key."""
    happens = {*told, *ACTIVITIES}
    for promise in draft.sla or ():
        for key in ("starts", "stops"):
            patterns: tuple[str, ...] = getattr(promise.value, key)
            known = all(any(names((each,), fact) for fact in FACTS) for each in patterns)
            if known and not any(names(patterns, fact) for fact in happens):
                yield (*promise.path, key), key


def named_segments(draft: Draft) -> Iterator[tuple[KeyPath, str]]:
    """Yield each segment that the file names, with its place; what holds by default isn't named."""
    yield from _counted(draft)
    for promise in draft.sla or ():
        for index, target in enumerate(promise.value.targets):
            for name in target.when.keys() - _OF_EVERY_LEAD:
                yield (*promise.path, "targets", index, "when", name), name
    for route in draft.routes:
        for name in route.value.segments:
            yield (*route.path, "segments", name), name
    yield from _shown(draft)


def _counted(draft: Draft) -> Iterator[tuple[KeyPath, str]]:
    if draft.kpi is None:
        return
    if "dimensions" in draft.kpi.model_fields_set:
        for index, name in enumerate(draft.kpi.dimensions):
            if name not in (ROLE, OWNER, TEAM):
                yield ("kpi", "dimensions", index), name
    if "customer" in draft.kpi.model_fields_set:
        yield ("kpi", "customer"), draft.kpi.customer


def _shown(draft: Draft) -> Iterator[tuple[KeyPath, str]]:
    if draft.alerts is None:
        return
    if "team_segment" in draft.alerts.model_fields_set:
        yield ("alerts", "team_segment"), draft.alerts.team_segment
    if "shown_segments" in draft.alerts.model_fields_set:
        for index, name in enumerate(draft.alerts.shown_segments):
            yield ("alerts", "shown_segments", index), name
