"""The short form: scenarios that once failed, and some at random, with faults and a kill."""

from pathlib import Path
from random import Random

import pytest

from tests.model.kept import KEPT
from tests.model.run import FAULTY, world
from tests.model.steps import drawn, read

TIMES = 2
"""How often each kept scenario is played at once: they are about instants."""


@pytest.mark.timeout(120)
async def test_nothing_is_wrong_at_quiet(tmp_path: Path) -> None:
    """Equal on both sides, nobody twice, no opt-out loosened, no drift, no false drop, no loop, the last word stands."""
    random = Random(20_261_123)
    kept = [[read(line) for line in text.split(";")] for text in KEPT.values() for _ in range(TIMES)]
    async with world(tmp_path) as played:
        found = await played.batch(kept, random, faults=None, kills=0)
        found += await played.batch([drawn(random, 8) for _ in range(16)], random, faults=FAULTY, kills=1)

    assert found == []
