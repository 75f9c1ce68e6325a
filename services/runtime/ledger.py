"""A shard's ledger, what a commit makes of it, and how owning a shard can end."""

from dataclasses import dataclass
from enum import StrEnum

from services.errors import ServiceError
from services.runtime.keys import ShardId


@dataclass(frozen=True, slots=True)
class Ledger:
    """
    How far a shard is.

    `epoch` grows with each owner and never repeats, `offset` is that of the last record applied (-1 before
    the first), `version` counts commits.
    """

    epoch: int
    offset: int = -1
    version: int = 0


class Outcome(StrEnum):
    """What the ledger said to a commit; the words of `commit.lua`."""

    COMMITTED = "committed"
    FENCED = "fenced"
    DUPLICATE = "duplicate"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class Reply:
    """A commit's outcome and the ledger as it stands in the store after it."""

    outcome: Outcome
    ledger: Ledger


class ShardEnded(ServiceError):
    """
    This owner's hold on a shard is over: whatever was being done for it is void, and nothing can be committed.

    Whoever works on a shard lets this end the work; where the shard goes on, `Processor.opened` is called anew.
    """

    def __init__(self, shard: ShardId, why: str) -> None:
        super().__init__(f"shard {shard} has ended: {why}")
        self.shard = shard


class Fenced(ShardEnded):
    """A younger owner took the shard over."""


class RolledBack(ShardEnded):
    """The store holds an older ledger than the owner knows: it lost writes; replay repairs it."""


class InDoubt(ShardEnded):
    """A commit was abandoned before its outcome was known; only a new epoch makes that harmless."""


class Released(ShardEnded):
    """The owner let the shard go."""
