"""What a process holds of a topic, as `GET /status` tells it."""

from pydantic import BaseModel, Field

from services.errors import Retryable
from services.runtime.worker import ShardWorker


class TopicStatus(BaseModel):
    """What this process holds of a topic."""

    partitions: list[int] = Field(description="The shards that are assigned to this process.")
    lag: int | None = Field(description="Records not processed yet; null while the log doesn't say.")
    outbox: int = Field(description="Events committed but not yet in the log.")
    rolled_back: int = Field(
        description="Times since the start that the store had lost a shard's last writes."
    )


async def topic_status(worker: ShardWorker) -> TopicStatus:
    """Return how *worker* stands."""
    shards = worker.shards
    try:
        lag = sum((await worker.subscription.lag()).values())
    except Retryable:  # the log is away
        lag = None
    return TopicStatus(
        partitions=sorted(shards),
        lag=lag,
        outbox=sum(len(each.outbox) for each in shards.values()),
        rolled_back=worker.rolled_back,
    )
