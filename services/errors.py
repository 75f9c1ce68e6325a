"""
What may go wrong, named for what happens next.

ServiceError
├── Retryable      the same call may succeed later: wait and repeat, nothing is lost
│   └── (Throttled, Unavailable, LogUnavailable, StoreUnavailable … beside what raises them)
├── Rejected       this input will never be accepted: dead letter with the reason, the rest goes on
└── Misconfigured  a person must change the configuration: the process does not start, or stops

Anything else is a bug: it is logged with its traceback and ends the process; the log replays the work.
"""

from collections.abc import Iterator
from typing import cast


class ServiceError(Exception):
    """The root of all errors that tasuki raises on purpose."""


class Retryable(ServiceError):
    """
    The same call may succeed later.

    Args:
        message: What happened, for a person.
        retry_after_ms: How long the other side asked us to wait, if it said so.
    """

    def __init__(self, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class Rejected(ServiceError):
    """
    This input will never be accepted as it is.

    Args:
        message: What is wrong and, where known, how to mend it.
        reason: A short stable word for counting and filtering, for instance ``bad-signature``.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Misconfigured(ServiceError):
    """The configuration or the environment must be changed by a person; the text says how."""


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in *error*, which may be a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from leaves(each)
    else:
        yield error
