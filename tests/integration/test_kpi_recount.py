"""The recount in SQL beside the counters of the service: no difference, unless there is one."""

from collections.abc import AsyncGenerator
from random import Random

import pytest

from services.kpi.adapters.recount import Basis, Recounted, recount
from services.kpi.adapters.recount.plain.definitions import DEFINITIONS
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.rules import CountingRules
from services.runtime.clock import now_ms
from tests.integration.kpi_world import KpiWorld, kpi_world
from tests.kpi_histories import Lives, arrived

pytest.importorskip("duckdb", reason="the recount needs DuckDB, an extra")

TEAMS = {"sato@f": "east", "ito@f": "west's"}
RULES = CountingRules(teams=TEAMS)


@pytest.fixture
async def world() -> AsyncGenerator[KpiWorld]:
    """Give a world of its own."""
    async with kpi_world() as found:
        yield found


async def counted_again(world: KpiWorld, rules: CountingRules = RULES) -> Recounted:
    """Return the recount of what stands in *world*."""
    return await recount(world.log, world.store, Basis(service=world.service, rules=rules, now=now_ms()))


def test_every_metric_of_the_catalogue_is_recounted() -> None:
    """A metric that is new in the catalogue needs a definition in the recount."""
    assert list(DEFINITIONS) == [name for name in METRICS if name in DEFINITIONS]
    assert DEFINITIONS.keys() == METRICS.keys()


@pytest.mark.parametrize(
    ("seed", "rules"),
    [
        (1, RULES),
        (2, CountingRules(time_zone="America/New_York", dimensions=("source", "team"), horizons_days=(7,))),
    ],
)
async def test_thousands_of_facts_in_any_order_are_counted_as_sql_counts_them(
    world: KpiWorld, seed: int, rules: CountingRules
) -> None:
    """Late, corrected, retracted, recycled, erased, repeated and impossible facts: 0 differences."""
    chance = Random(seed)
    told = Lives(chance, now_ms()).told(120)
    assert len(told) > 1_000
    async with world.counting(rules, max_records=200) as worker:
        await world.append(arrived(told, chance))
        await world.counted(worker)
    found = await counted_again(world, rules)
    assert [*map(str, found.differences[:5])] == []
    print(found.figures, found.seconds)
    assert found.figures > 10_000
