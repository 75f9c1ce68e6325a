"""The service's codes of the counters that a compared figure is made of."""

from collections.abc import Sequence

from services.kpi.adapters.recount.figures import Key
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.counters import cohort, money
from services.kpi.domain.metric import Counted, Money, People, Share, Spent


def name_of(key: Key) -> str:
    """Return the metric's name in the catalogue."""
    return key.metric.partition(":")[0]


def codes_of(key: Key) -> tuple[Sequence[str], Sequence[str], bool]:
    """Return the codes of the two terms of *key*, and whether it counts by whole days."""
    match METRICS[name_of(key)].formula:
        case Counted(codes):
            return codes, (), False
        case Money():
            return (money(key.metric.partition(":")[2]),), (), False
        case People(code) | Spent(code):
            return (code,), (), True
        case Share(above, below, pair):
            if pair is None or key.reading == "period":
                return above.codes, below.codes, False
            limit = key.reading.partition("/")[2]
            return (cohort(*pair, int(limit) if limit else None),), below.codes, True
