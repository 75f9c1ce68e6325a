"""Worker processes killed at any instant: nothing lost, nothing counted twice, every event told."""

import asyncio
import os
import random
import signal

import pytest

from tests.integration.summing_processes import summing

KILLS = int(os.environ.get("TASUKI_KILLS", "6"))


@pytest.mark.timeout(180 + 5 * KILLS)
async def test_killed_workers_leave_no_trace(redis_url: str, unique: str) -> None:
    """Two processes share the partitions while one of them is killed again and again, by a signal it can't see."""
    chance = random.Random(unique)
    async with summing(redis_url, unique, partitions=4) as service:
        alive = [await service.process(), await service.process()]
        for _ in range(KILLS):
            await alive[0].said("opened")
            for _ in range(chance.randint(1, 10)):
                await service.send(300)
            await asyncio.sleep(chance.uniform(0, 0.3))  # a random instant, not a wait for anything
            await alive.pop(0).end(signal.SIGKILL)
            alive.append(await service.process())

        await service.all_done()

        await service.check()
