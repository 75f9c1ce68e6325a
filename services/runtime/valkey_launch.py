"""
Turns itself into the Valkey server, after asking Linux to end that server when its parent dies.

Run by path with the parent's process id, the binary and its arguments. A process of its own, because code
between fork and exec is not safe in a program with threads. Elsewhere than on Linux the parent's death
leaves the server behind; the next start on its folder finds and replaces it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Source: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html (kept across exec)."""


def become(parent: int, binary: str, arguments: list[str]) -> None:
    """Replace this process by *binary*, tied to the life of *parent* where the system can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the request was made
        sys.exit("the process that started the server is gone")
    os.execv(binary, [binary, *arguments])  # noqa: S606 -- a fixed path and list, no shell


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
