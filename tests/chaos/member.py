"""One process of the system: started, killed, stopped and continued, and started again when it ends by itself."""

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from services.runtime import valkey_launch
from tests.chaos.shifted_clock import shift

ROOT = Path(__file__).parents[2]


@dataclass
class Member:
    """
    A process.

    `command` are the arguments after ``python``, `clock` is what it takes for the wall clock. `ended` counts the exit codes of ends that nobody here ordered:
    75 asks to be started again, anything else is told as a fault. While it is `away` it isn't started.
    """

    name: str
    command: tuple[str, ...]
    port: int
    folder: Path
    environ: dict[str, str]
    clock: Path
    ended: Counter[int] = field(default_factory=Counter[int])
    _process: asyncio.subprocess.Process | None = None
    _ordered: bool = False
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _keeping: asyncio.Task[None] | None = None

    @property
    def output(self) -> Path:
        """What it logs."""
        return self.folder / f"{self.name}.log"

    def keep(self) -> None:
        """Start it, and start it again whenever it ends, until `stop`."""
        self._keeping = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def _keep(self) -> None:
        while True:
            await self._wanted.wait()
            with self.output.open("ab") as output:
                self._ordered = False
                self._process = await asyncio.create_subprocess_exec(
                    # It ends with us, however we end.
                    *(sys.executable, "-I", "-S", valkey_launch.__file__, str(os.getpid())),
                    *(sys.executable, *self.command),
                    stdout=output,
                    stderr=output,
                    stdin=asyncio.subprocess.DEVNULL,
                    env={**os.environ, **self.environ},
                    cwd=ROOT,
                    start_new_session=True,
                )
            code = await self._process.wait()
            if not self._ordered:
                self.ended[code] += 1
                await asyncio.sleep(0.2)

    @property
    def away(self) -> bool:
        """Whether it isn't to run."""
        return not self._wanted.is_set()

    def come(self) -> None:
        """Let it run."""
        self._wanted.set()

    def leave(self) -> None:
        """End it in order, by SIGTERM, until `come`."""
        self._wanted.clear()
        self._ordered = True
        self.go_on()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it by SIGKILL; it is started again."""
        self._ordered = True
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        """Stop it where it is."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def put_clock(self, seconds: float) -> None:
        """Put its wall clock forward by *seconds* from the true time, or back."""
        shift(self.clock, seconds)

    async def is_ready(self, http: httpx2.AsyncClient) -> bool:
        """Return whether it says so."""
        with suppress(httpx2.HTTPError):
            return (await http.get(f"http://127.0.0.1:{self.port}/health/ready", timeout=2)).is_success
        return False

    async def stop(self) -> None:
        """End it for good, as a supervisor would."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self.go_on()
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 20)
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def _signal(self, what: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(what)
