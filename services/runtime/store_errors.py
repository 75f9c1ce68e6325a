"""What the store's client raises, said in our words: is it away, or is it set up wrongly?"""

import traceback
from collections.abc import Generator
from contextlib import contextmanager

from redis.exceptions import ConnectionError as ClientConnectionError
from redis.exceptions import RedisClusterException, ResponseError
from redis.exceptions import TimeoutError as ClientTimeoutError

from services.errors import Retryable

# Replies of a server that will answer better later: failing over, loading, full, or busy with something else.
# The client strips the word of those that it has a class for, so classes are named as well.
_LATER = (
    *("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "MISCONF", "OOM", "BUSY"),
    *("BusyLoadingError", "ReadOnlyError", "MasterDownError", "ClusterDownError", "TryAgainError"),
    *("OutOfMemoryError", "MovedError", "AskError"),
)


class StoreUnavailable(Retryable):
    """The store did not answer, or not now; whether a write was applied is not known."""


class InvalidOperation(Exception):
    """A commit held an operation that cannot be applied; nothing was written. A bug of who built it."""


@contextmanager
def store_errors() -> Generator[None]:
    """Turn the client's errors into StoreUnavailable where the same call may succeed later."""
    try:
        yield
    except (ClientConnectionError, ClientTimeoutError, RedisClusterException, OSError) as error:
        raise StoreUnavailable(f"the store did not answer: {error}") from error
    except (AttributeError, TypeError) as error:
        if not _while_writing(error):
            raise
        raise StoreUnavailable(f"the store's connection was closed: {error}") from error
    except ResponseError as error:
        text = _said(error)
        if text.startswith("INVALID "):
            raise InvalidOperation(text.removeprefix("INVALID ")) from error
        if text.startswith(_LATER) or type(error).__name__ in _LATER:
            raise StoreUnavailable(f"the store refused for now: {text}") from error
        raise


def _said(error: ResponseError) -> str:
    """Return what the server said; a pipeline of the client puts the command before it, and brackets around it."""
    text = str(error)
    _, annotated, said = text.partition(" of pipeline caused error: ")
    if not annotated:
        return text
    return said[2:-3] if said.startswith("(") else said


def _while_writing(error: Exception) -> bool:
    """
    Return whether the client failed to write to a connection that was closed in between, which it doesn't tell as such.

    What it writes is bytes by then, so no mistake of ours ends there.
    Source: https://github.com/redis/redis-py/issues/4287
    """
    return any(frame.name == "_send_packed_command" for frame in traceback.extract_tb(error.__traceback__))
