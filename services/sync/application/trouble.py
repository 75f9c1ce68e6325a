"""What is wrong with a vendor, in one word, and how to mend it: for health, metrics, the log and the runbook."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import structlog

from services.errors import Retryable
from services.sync.application.ports import Forbidden, Throttled, Unauthorised

log = structlog.get_logger()


class Meaning(StrEnum):
    """What an error code of a vendor means for us; each connector has a table of them."""

    PASSING = "passing"  # the same may succeed at the next attempt
    THROTTLED = "throttled"  # a quota is used up
    CREDENTIALS = "credentials"  # the vendor doesn't take our credentials: a person must renew them
    PERMISSION = "permission"  # it knows us, but we lack a right: a person must grant it
    PERMANENT = "permanent"  # never, as it is


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a vendor's line waits: a stable word, which heads an entry of the runbook, and the mend."""

    reason: str
    mend: str
    by_itself: bool
    """Whether it may pass without anybody's doing."""


THROTTLED = Trouble("throttled", "wait: it goes on when the vendor says", by_itself=True)
UNAVAILABLE = Trouble(
    "unavailable", "wait: it goes on when the vendor answers; see its status page", by_itself=True
)
CREDENTIALS_REFUSED = Trouble(
    "credentials-refused",
    "renew the token or secret in the environment and start again; `tasuki check` tells whether it is taken",
    by_itself=False,
)
PERMISSION_MISSING = Trouble(
    "permission-missing",
    "grant the right that the text names; it goes on by itself, at once with `tasuki resume`",
    by_itself=False,
)
EVERYTHING_REFUSED = Trouble(
    "everything-refused",
    "mend what the commonest reason names; it goes on by itself, at once with `tasuki resume`",
    by_itself=False,
)
TROUBLES = (THROTTLED, UNAVAILABLE, CREDENTIALS_REFUSED, PERMISSION_MISSING, EVERYTHING_REFUSED)


def trouble_of(error: Retryable) -> Trouble:
    """Return what *error*, of a call to a vendor, says of it."""
    if isinstance(error, Forbidden):
        return PERMISSION_MISSING
    if isinstance(error, Unauthorised):
        return CREDENTIALS_REFUSED
    return THROTTLED if isinstance(error, Throttled) else UNAVAILABLE


def report(event: str, error: Retryable, **facts: str) -> None:
    """Log that a call failed: as an error where somebody must do something, else as a warning."""
    trouble = trouble_of(error)
    told: Mapping[str, str] = {"error": type(error).__name__, "reason": trouble.reason, "mend": trouble.mend}
    (log.warning if trouble.by_itself else log.error)(event, **facts, **told)
