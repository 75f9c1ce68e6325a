"""GET /status: how the service does in detail, for people who hold the key. Read only."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from services.runtime.problems import ProblemBody
from services.runtime.topic_status import TopicStatus
from services.sync.adapters.door.access import key_holders


class QuotaStatus(BaseModel):
    """One limit of a vendor, as all processes see it; what nobody knows is null."""

    system: str
    limit: str
    most: int | None = Field(description="How many calls there are.")
    left: int | None = Field(description="How many are left; null is unknown, which is neither all nor none.")
    ours: int | None = Field(description="Our own calls that count at present, where they are counted.")
    told_at: int | None = Field(description="When the vendor told last, epoch ms.")
    held: dict[str, str] = Field(
        description="By priority, why its work waits.",
        examples=[{"edit": "quota: daily limit of hubspot used up, until 00:00"}],
    )


class SystemStatus(BaseModel):
    """One of the two systems."""

    condition: str = Field(description="`ok` or `degraded`: whether its circuit is closed.")
    reason: str
    dirty: int | None = Field(description="Leads that lack something there, of the shards held here.")


class StreamStatus(BaseModel):
    """A change stream that is followed here."""

    system: str
    channel: str
    age_ms: int = Field(description="Since it last told anything, signs of life included.")


class LatencyStatus(BaseModel):
    """How long the last 1,000 handoffs of this process took: from the notification's arrival to our request."""

    p50_ms: int
    p99_ms: int


class SweepStatus(BaseModel):
    """How the sweeps of an object do, whichever process makes them; what never was is null."""

    system: str
    object: str
    swept_until: int = Field(description="All changes up to then were seen, by the vendor's epoch ms.")
    running: str | None = Field(description="Why it is being swept at this moment; null while it isn't.")
    read: int = Field(description="Records that the present or last sweep listed.")
    others: int = Field(description="Those of them that were not as known.")
    ended_at: int | None = Field(description="When the last sweep came to its end, epoch ms.")
    cause: str | None = Field(description="Why the last sweep began.")


class SilenceStatus(BaseModel):
    """An object of which no notification comes, though some usually do."""

    system: str
    object: str
    since: int = Field(description="Epoch ms.")
    usual: int = Field(description="How many notifications came in such a stretch of time before.")


class BackfillStatus(BaseModel):
    """How the first filling does."""

    phase: Literal["ordered", "reading", "writing", "done"]
    ordered_at: int = Field(description="Epoch ms.")
    hand_over: bool = Field(description="Whether leads that qualified long ago are handed over to sales.")
    read: dict[str, int] = Field(description="Records read so far, by `system:object`.")
    waiting: int = Field(description="Leads of it that lack something on a side.")
    read_at: int | None = Field(description="When all was read, epoch ms.")


class StatusBody(BaseModel):
    """How the process is, in detail."""

    version: str
    ready: bool
    live: bool
    reasons: list[str]
    topics: dict[str, TopicStatus]
    systems: dict[str, SystemStatus]
    quotas: list[QuotaStatus] | None = Field(description="Null while the store doesn't answer.")
    streams: list[StreamStatus]
    latency: LatencyStatus | None = Field(description="Of handoffs; null while there was none.")
    sweeps: list[SweepStatus] | None = Field(description="Null while the store doesn't answer.")
    silent: list[SilenceStatus]
    backfill: BackfillStatus | None = Field(
        description="Null where none was ordered, or the store doesn't answer."
    )
    drift: dict[str, int] | None = Field(
        description="By `system:field`, in how many fields sweeps found other values than were known, since the "
        "installation; null while the store doesn't answer.",
        examples=[{"salesforce:company": 2}],
    )
    echoes: dict[str, int] | None = Field(
        description="What came of our own writes since the installation: `suppressed:system:layer` came back and were "
        "known, `false-drop:system:field` were somebody's changes, `loop:system:field` led to our own writes; null while "
        "the store doesn't answer.",
        examples=[{"suppressed:salesforce:ledger": 12}],
    )


def make_whole_status_router(
    status: Callable[[], Awaitable[StatusBody]], *, api_key: str | None, host: str
) -> APIRouter:
    """
    Return the route.

    Args:
        status: Says how the service does.
        api_key: What callers must present, as Bearer token or X-Api-Key. None only for a loopback *host*.
        host: The address the server is bound to.

    Raises:
        Misconfigured: No key although others can reach the server, or a key that can be guessed.
    """
    router = APIRouter(tags=["status"], dependencies=key_holders(api_key=api_key, host=host, what="figures"))
    refusals: dict[int | str, dict[str, Any]] = {
        401: {"model": ProblemBody, "description": "No key, or not the right one."}
    }

    @router.get("/status", response_model=StatusBody, responses=refusals, summary="How it does, in detail")
    async def whole() -> Response:
        """Readiness, shards, lag, what waits for each system, the vendors' limits, the streams."""
        return JSONResponse((await status()).model_dump(), headers={"Cache-Control": "no-store"})

    _ = whole  # registered by its decorator
    return router
