"""A process that is stopped in mid-batch, replaced, and goes on: its commit is fenced, and the state is exact."""

import signal

from tests.integration.summing_processes import summing


async def test_a_stopped_process_that_goes_on_is_fenced(redis_url: str, unique: str) -> None:
    """It wakes with a batch loaded and folded that its successor has applied long ago; nothing counts twice."""
    async with summing(redis_url, unique, partitions=1) as service:
        zombie = await service.process(hold=True)
        await zombie.said("opened 0")
        await service.send(500)
        await zombie.said("folding")
        zombie.send(signal.SIGSTOP)
        successor = await service.process()
        await successor.said("opened 0")
        await service.send(500)
        await service.all_done()

        zombie.send(signal.SIGCONT)

        await zombie.said("closed 0 Fenced")
        await service.send(500)
        await service.all_done()
        await service.check()
        assert not any(line.startswith("failed") for line in (*zombie.lines, *successor.lines))
