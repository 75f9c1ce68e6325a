"""How long something holds the event loop, in CPU time: what else the machine does isn't counted."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Holds:
    """The turns of the loop, ms of this thread's CPU each; those below a tenth are left out."""

    turns: list[float] = field(default_factory=list[float])

    @property
    def longest_ms(self) -> float:
        """The longest."""
        return max(self.turns, default=0)


@asynccontextmanager
async def holds() -> AsyncGenerator[Holds]:
    """Watch the loop; it never sleeps meanwhile, so don't measure the CPU as well."""
    found = Holds()

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            if now - last > 1e-4:
                found.turns.append((now - last) * 1000)
            last = time.thread_time()

    task = asyncio.create_task(watch())
    try:
        yield found
    finally:
        task.cancel()
        await asyncio.wait([task])
