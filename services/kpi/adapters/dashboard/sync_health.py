"""How the sync service does, for the page: asked for where the composition gives a source, else unknown."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

SyncHealth: TypeAlias = Callable[[], Awaitable[Mapping[str, Any] | None]]
"""
Says how the sync service does, in the shape of `SyncHealthBody`; what isn't known is left out or None.

None: the sync service can't be asked. It shouldn't take longer than a second or two, and may raise `Retryable`.
"""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class SystemHealth(_Part):
    """One of the two systems."""

    condition: str | None = Field(default=None, description="`ok` or `degraded`.")
    reason: str = ""
    waiting: int | None = Field(default=None, ge=0, description="Leads that lack something there.")


class LatencyHealth(_Part):
    """How long a change takes from one system to the other."""

    p50_ms: int | None = Field(default=None, ge=0)
    p99_ms: int | None = Field(default=None, ge=0)


class DriftHealth(_Part):
    """What the two systems had apart from what was told of them."""

    found: int | None = Field(
        default=None, ge=0, description="Differences that sweeps found and had repaired, so far."
    )
    checked_at: int | None = Field(default=None, description="When that was looked for, epoch ms.")


class SyncHealthBody(_Part):
    """How the sync service does; null is unknown, never none."""

    ready: bool | None = None
    reasons: list[str] = Field(default_factory=list[str])
    systems: dict[str, SystemHealth] = Field(default_factory=dict[str, SystemHealth])
    latency: LatencyHealth | None = None
    drift: DriftHealth | None = None
    queue: int | None = Field(default=None, ge=0, description="Records taken in and not yet processed.")


class HealthAnswer(BaseModel):
    """`known` is false where nothing can be said of the sync service; `why` is `no-source` or `no-answer`."""

    known: bool
    why: str | None = None
    asked_at: int
    health: SyncHealthBody | None = None
