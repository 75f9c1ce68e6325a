"""Two figures beside each other: where they differ by more than they may."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.kpi.adapters.recount.figures import Figures, Key, Value

ERROR_RATE = 0.02
"""The service keeps durations in bins: a median or p90 is off by so much at most; below a second it is 0."""
_SECOND_MS = 1_000


@dataclass(slots=True)
class Difference:
    """
    A figure that the service has otherwise than the recount; None: it has none.

    `lead` is the first lead that explains it, with what it adds to either; None where the leads in the store amount to
    what the recount says, and the counter itself is off.
    """

    key: Key
    served: Value | None
    recounted: Value | None
    lead: str | None = None
    explained: str = ""


def differences(served: Figures, recounted: Figures, unsure: dict[str, int]) -> Iterator[Difference]:
    """
    Yield where the figures differ; one that a side doesn't have counts as empty.

    Args:
        served: As the service has them.
        recounted: As they should be.
        unsure: Segment to how many promises came due so lately that they need not count yet.
    """
    for key in {**recounted, **served}:
        one, other = served.get(key), recounted.get(key)
        if not _agree(key, one or _empty(other), other or _empty(one), unsure.get(key.segment, 0)):
            yield Difference(key, one, other)


def _empty(other: Value | None) -> Value:
    return Value(0, None if other is None or other.denominator is None else 0)


def _agree(key: Key, served: Value, recounted: Value, unsure: int) -> bool:
    if served.numerator != recounted.numerator:
        return False
    if key.metric == "sla_attainment":
        return 0 <= (recounted.denominator or 0) - (served.denominator or 0) <= unsure
    return (
        served.denominator == recounted.denominator
        and _near(served.median_ms, recounted.median_ms)
        and _near(served.p90_ms, recounted.p90_ms)
    )


def _near(served_ms: int | None, exact_ms: int | None) -> bool:
    if served_ms is None or exact_ms is None:
        return served_ms == exact_ms
    if exact_ms < _SECOND_MS:
        return served_ms == 0
    return abs(served_ms - exact_ms) <= ERROR_RATE * exact_ms + 1
