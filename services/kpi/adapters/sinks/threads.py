"""Calls of blocking libraries, each in a thread of its own, at most so many at a time."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from services.kpi.application.notify import SinkUnavailable

MOST_THREADS = 4


class Threads:
    """
    Runs blocking calls.

    A thread that hangs can't be ended. It counts until it returns; the process doesn't wait for it at its end.
    """

    def __init__(self, most: int = MOST_THREADS) -> None:
        self._free = most

    async def run(self, call: Callable[[], bool]) -> bool:
        """
        Return what *call* returns, or raise what it raises.

        Raises SinkUnavailable at once while all threads are taken, for then those before it hang.
        """
        if not self._free:
            raise SinkUnavailable("earlier messages are still being sent", doubt=False)
        self._free -= 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()

        def ended(outcome: bool | BaseException) -> None:  # noqa: FBT001 - it is what the call returned
            self._free += 1
            if future.done():
                return  # nobody waits any more
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        def body() -> None:
            try:
                outcome: Any = call()
            except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
                outcome = error
            try:
                loop.call_soon_threadsafe(ended, outcome)
            except RuntimeError:
                return  # the loop is closed: the process is ending

        threading.Thread(target=body, name="sink", daemon=True).start()
        return await future
