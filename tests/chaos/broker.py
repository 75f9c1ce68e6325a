"""A real Kafka broker that can be killed, and starts again on its data."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.proxy import Proxy
from tests.servers import ROOT


class NoBroker(Exception):
    """Kafka can't run on this machine; the text says why."""


class Broker:
    """One node by deploy/kafka/start.py, which ends its brokers when its input closes; reached through `proxy`."""

    def __init__(self, folder: Path, port: int, proxy: Proxy) -> None:
        self.bootstrap = f"127.0.0.1:{proxy.port}"
        self.proxy = proxy
        self._folder = folder
        self._port = port
        self._changing = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start it. Raises NoBroker."""
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()

    async def kill(self) -> None:
        """End the broker by SIGKILL and start it again; returns when it serves."""
        async with self._changing:
            process = self._process
            assert process is not None
            for pid in _children(process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await process.wait()
            await self._start()

    async def _start(self) -> None:
        script = str(ROOT / "deploy" / "kafka" / "start.py")
        given = (
            *("--data", str(self._folder), "--port", str(self._port)),
            *("--told-port", str(self.proxy.port), "--until-input-ends"),
        )
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, script, *given),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        if not (await process.stdout.readline()).startswith(b"ready"):
            raise NoBroker((await process.stderr.read()).decode().strip())


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
