"""GET /status: how the KPI service does in detail, for people who hold a key. Read only."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.runtime.topic_status import TopicStatus


class ClocksStatus(BaseModel):
    """The clocks of promises in the shards that are held here."""

    timers: int = Field(description="That have something to tell some day.")
    running: int = Field(description="Neither kept nor given up, and not paused.")
    overdue: int = Field(description="Of these, past the deadline.")


class SinkStatus(BaseModel):
    """Where alerts go."""

    waiting: int = Field(description="Alerts that wait, in the shards that are held here.")
    failing: bool = Field(description="Whether the last message to it failed.")


class KpiStatusBody(BaseModel):
    """How the process is, in detail."""

    version: str
    ready: bool
    live: bool
    reasons: list[str]
    topics: dict[str, TopicStatus]
    promised_from: int | None = Field(
        description="Promises hold from here on, epoch ms; null before the start."
    )
    clocks: ClocksStatus | None = Field(description="Null while the store doesn't answer.")
    sinks: dict[str, SinkStatus]
    feed_clients: int


def make_kpi_status_router(
    status: Callable[[], Awaitable[KpiStatusBody]], access: Sequence[Any]
) -> APIRouter:
    """Return the route; *access* are its dependencies, see `role_holders`."""
    router = APIRouter(tags=["status"], dependencies=list(access))

    @router.get("/status", summary="How does the service do?")
    async def told() -> KpiStatusBody:
        """Shards, lag, the clocks of promises, and the sinks."""
        return await status()

    _ = told  # registered by its decorator
    return router
