"""Checks of [kpi]: dimensions, outcomes, and targets of metrics."""

from services.configuration.document import Document
from services.configuration.mistakes import did_you_mean
from services.configuration.places import KeyPath
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.metric import Metric, Target, Unit
from services.kpi.domain.rules import plain
from services.kpi.settings.counting_section import KpiSection, RoleTargets
from services.kpi.settings.draft import Draft


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong with how *draft* counts."""
    if draft.kpi is None:
        return
    for index, name in enumerate(draft.kpi.dimensions):
        if name in draft.kpi.dimensions[:index]:
            document.report(("kpi", "dimensions", index), f'"{name}" is named twice', "keep one of the two")
    _check_outcomes(document, draft.kpi)
    for name, targets in draft.kpi.targets.items():
        _check_metric(document, name, targets)


def _check_outcomes(document: Document, kpi: KpiSection) -> None:
    seen: dict[str, str] = {}
    for outcome in kpi.outcomes:
        first = seen.setdefault(plain(outcome), outcome)
        if first != outcome:
            document.report(
                ("kpi", "outcomes", outcome), f'is the same outcome as "{first}"', "keep one of the two"
            )


def _check_metric(document: Document, name: str, targets: RoleTargets) -> None:
    path: KeyPath = ("kpi", "targets", name)
    metric = METRICS.get(name)
    if metric is None:
        guess = did_you_mean(name, METRICS) or f"known: {', '.join(METRICS)}"
        document.report(path, "is no metric", guess)
        return
    if not targets.model_fields_set:
        document.report(path, "sets no target", "give sdr, bdr, or both")
    for role in ("sdr", "bdr"):
        wanted: Target | None = getattr(targets, role)
        if wanted is not None:
            _check_target(document, (*path, role), metric, wanted)


def _check_target(document: Document, path: KeyPath, metric: Metric, wanted: Target) -> None:
    written = document.value(*path)
    as_duration = isinstance(written, str) or (
        isinstance(written, list) and any(isinstance(each, str) for each in written)  # pyright: ignore[reportUnknownVariableType] - judged by its type
    )
    highest = max(each for each in (wanted.low, wanted.high) if each is not None)
    if as_duration != (metric.unit is Unit.DURATION):
        mend = 'give a duration in quotes: "24h"' if metric.unit is Unit.DURATION else "give a number"
        document.report(path, f"{metric.name} is {_WORDS[metric.unit]}", mend)
    elif metric.unit is Unit.RATE and highest > 1:
        document.report(path, f"{highest:g} is no share", "give 0 to 1: 0.3 is 30 %")


_WORDS = {
    Unit.COUNT: "a number",
    Unit.PEOPLE: "a number of people",
    Unit.RATE: "a share",
    Unit.DURATION: "a time",
    Unit.MONEY: "an amount",
}
