"""The data folder of an embedded server: fit to use, whose it is now, where its socket lies."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from services.errors import Misconfigured

_LONGEST_SOCKET_PATH = 100  # sun_path: 108 bytes on Linux, 104 on macOS
_LEAST_FREE_BYTES = 64 * 1024 * 1024

SOCKET_RECORD = "valkey.socket-path"
"""File that names the socket of the folder's server."""


def prepare(folder: Path) -> None:
    """Make sure that *folder* exists, can be written and has room. Raises Misconfigured."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise Misconfigured(
            f"the data folder {folder} cannot be written: {error.strerror or error}; name another folder or "
            "mend its permissions"
        ) from error
    if free < _LEAST_FREE_BYTES:
        raise Misconfigured(
            f"the disk of the data folder {folder} is full ({free // 1024} KiB are free): make room or name "
            "another folder"
        )


def open_lock(path: Path) -> int:
    """Return a handle for `lock`; closing it, or dying, lets go of the lock."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def lock(handle: int, how: int) -> bool:
    """Take the lock of *handle* if nobody is in the way; return whether it was taken."""
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def socket_path(folder: Path) -> Path:
    """Return where the socket goes: in the folder, or in a private short-named one if that is too deep."""
    wanted = folder / "valkey.sock"
    if len(os.fsencode(wanted)) <= _LONGEST_SOCKET_PATH:
        return wanted
    name = f"tasuki-{os.getuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    short = Path(tempfile.gettempdir()) / name
    if len(os.fsencode(short / wanted.name)) > _LONGEST_SOCKET_PATH:
        short = Path("/tmp") / name  # noqa: S108 - whose it is, is looked at; TMPDIR lies deep down as well
    short.mkdir(mode=0o700, exist_ok=True)
    if short.stat().st_uid != os.getuid():
        raise Misconfigured(f"{short} belongs to somebody else; name a data folder with a shorter path")
    return short / "valkey.sock"


def recorded_socket(folder: Path) -> Path | None:
    """Return the socket of the server that was last started on *folder*, if one was."""
    try:
        return Path((folder / SOCKET_RECORD).read_text())
    except OSError:
        return None


def tail(output: Path, start: int) -> str:
    """Return the last lines that a server wrote to *output* after *start*."""
    with output.open("rb") as written:
        written.seek(start)
        lines = written.read().decode(errors="replace").splitlines()
    return " / ".join(line.strip() for line in lines[-3:]) or "it said nothing"
