"""How a figure stands against its target."""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from services.kpi.domain.metric import Direction, Metric, Target


class Against(StrEnum):
    """How a figure stands against its target, by the metric's direction."""

    MET = "met"
    MISSED = "missed"
    NO_DATA = "no-data"
    NO_TARGET = "no-target"
    NOT_COMPARABLE = "not-comparable"  # the target needs the firm's own goal, or the number of people


def with_targets(
    metrics: Mapping[str, Metric], targets: Mapping[tuple[str, str], Target]
) -> Mapping[str, Metric]:
    """Return *metrics* with *targets* (by metric, and ``sdr`` or ``bdr``) instead of the usual ones."""
    return {
        name: replace(each, target_sdr=targets.get((name, "sdr")), target_bdr=targets.get((name, "bdr")))
        for name, each in metrics.items()
    }


def against(metric: Metric, target: Target | None, values: Mapping[str, float | None]) -> Against:
    """
    Return how *metric* stands against *target*.

    A range is met from its near edge on: 15 to 20 % from 15 % on, where higher is better.

    Args:
        metric: Which way is better.
        target: For the role at hand; None where it has none.
        values: By name the values of the metrics, all of one time and segment; None: no data.
    """
    if target is None:
        return Against.NO_TARGET
    if target.per is not None or target.from_goal is not None or target.low is None:
        return Against.NOT_COMPARABLE
    value = values.get(metric.name)
    if target.of is not None:
        whole = values.get(target.of)
        value = value / whole if value is not None and whole else None
    if value is None:
        return Against.NO_DATA
    if metric.direction is Direction.UP:
        return Against.MET if value >= target.low else Against.MISSED
    highest = target.low if target.high is None else target.high
    return Against.MET if value <= highest else Against.MISSED
