"""What all shards of a process share: the store, the log, the clock, and how patient to be."""

from dataclasses import dataclass, field

from services.runtime.clock import Clock, now_ms
from services.runtime.log.port import Log
from services.runtime.metrics import Metrics
from services.runtime.patience import Patience
from services.runtime.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """
    What all shards of a process share.

    Args:
        patience: For the store, and for opening shards; when it ends, the process is to end.
        relay_batch: The most events that are appended to the log at once.
        outbox_most: With so many events not yet in the log, nobody commits before some are.
        trim_idle_ms: Acknowledged events leave the store with the next commit, or after this long without.
        drain_ms: How long letting a shard go may wait for its outbox to empty.
        verify_ms: How often an idle shard compares its ledger with the store's, so that a successor or a
            failover is noticed without a commit.
        fenced_grace_ms: How long a fenced shard may stay assigned before that is a failure.
    """

    store: Store
    log: Log
    clock: Clock = now_ms
    metrics: Metrics = field(default_factory=Metrics)
    patience: Patience = field(default_factory=Patience)
    relay_batch: int = 500
    outbox_most: int = 10_000
    trim_idle_ms: int = 250
    drain_ms: int = 1_000
    verify_ms: int = 2_000
    fenced_grace_ms: int = 30_000
