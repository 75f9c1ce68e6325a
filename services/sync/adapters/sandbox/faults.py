"""Faults that a sandbox can be told to make, as rates from 0 to 1, drawn from a seeded generator."""

from random import Random

from pydantic import BaseModel, ConfigDict, Field

Rate = float


class Faults(BaseModel):
    """
    How often a sandbox misbehaves. All rates are shares of requests, deliveries, records or stream batches.

    `outage` makes every API request fail as if the vendor were down; `read_only` takes the right to write away,
    `revoked` the credentials; `seed` makes a run repeat.
    """

    model_config = ConfigDict(extra="forbid")

    seed: int = 0
    too_many_requests: Rate = Field(
        default=0, ge=0, le=1, description="API requests answered 429 (or 403 quota)"
    )
    server_error: Rate = Field(default=0, ge=0, le=1, description="API requests answered 500, 502 or 503")
    slow: Rate = Field(default=0, ge=0, le=1, description="API requests delayed by slow_ms")
    slow_ms: int = Field(default=500, ge=0, le=60_000)
    reset: Rate = Field(
        default=0, ge=0, le=1, description="connections dropped, half before, half after the work"
    )
    duplicate: Rate = Field(default=0, ge=0, le=1, description="webhook deliveries sent twice")
    shuffle: Rate = Field(default=0, ge=0, le=1, description="webhook deliveries held back behind later ones")
    lock_row: Rate = Field(default=0, ge=0, le=1, description="records refused with a lock error")
    partial_error: Rate = Field(default=0, ge=0, le=1, description="records of a batch refused for ever")
    expire_session: Rate = Field(default=0, ge=0, le=1, description="API requests answered 401, token dead")
    stream_abort: Rate = Field(
        default=0, ge=0, le=1, description="change-stream batches that break the stream"
    )
    gap_event: Rate = Field(default=0, ge=0, le=1, description="changes told as a GAP event without values")
    gap_overflow: Rate = Field(
        default=0,
        ge=0,
        le=1,
        description="transactions told as one GAP_OVERFLOW of an object, without records",
    )
    untold: Rate = Field(default=0, ge=0, le=1, description="changes that no webhook and no stream tells")
    outage: bool = False
    read_only: bool = False
    revoked: bool = False


class FaultSource:
    """Draws faults by the rates that are set; the same seed and calls give the same faults."""

    def __init__(self) -> None:
        self.set(Faults())

    def set(self, faults: Faults) -> None:
        """Use *faults* from now on and begin their sequence anew."""
        self.faults = faults
        self._random = Random(faults.seed)

    def strikes(self, rate: Rate) -> bool:
        """Return whether a fault of *rate* happens now."""
        return rate > 0 and self._random.random() < rate

    def chance(self) -> float:
        """Return a number from 0 to 1, for choices within a fault."""
        return self._random.random()
