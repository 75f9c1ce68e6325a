"""The exit codes of every command, and which error ends in which."""

from enum import IntEnum
from types import MappingProxyType
from typing import Final

from services.errors import Misconfigured, Rejected, Retryable, leaves
from services.sync.application.ports import Unauthorised


class ExitCode(IntEnum):
    """What a command's end says to the script that called it."""

    OK = 0
    NEGATIVE = 1
    USAGE = 2
    UNREACHABLE = 3
    BUG = 4
    INTERRUPTED = 130


MEANINGS: Final = MappingProxyType(
    {
        ExitCode.OK: "done, and all is well",
        ExitCode.NEGATIVE: "done, but the verdict is negative: findings, differences, input refused",
        ExitCode.USAGE: "usage, configuration or credentials must be changed; nothing was done",
        ExitCode.UNREACHABLE: "a service can't be reached now; the same command may work later",
        ExitCode.BUG: "a bug in tasuki; the message says where the traceback is",
        ExitCode.INTERRUPTED: "stopped by Ctrl-C",
    }
)


def exit_code_for(error: BaseException) -> ExitCode:
    """Return the code in which *error* ends; of a group the worst of its errors counts."""
    return max((_code(each) for each in leaves(error)), key=_badness)


def _code(error: BaseException) -> ExitCode:
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    if isinstance(error, Misconfigured | Unauthorised):
        return ExitCode.USAGE
    if isinstance(error, Retryable):
        return ExitCode.UNREACHABLE
    return ExitCode.NEGATIVE if isinstance(error, Rejected) else ExitCode.BUG


def _badness(code: ExitCode) -> int:
    order = (
        ExitCode.OK,
        ExitCode.NEGATIVE,
        ExitCode.UNREACHABLE,
        ExitCode.USAGE,
        ExitCode.INTERRUPTED,
        ExitCode.BUG,
    )
    return order.index(code)
