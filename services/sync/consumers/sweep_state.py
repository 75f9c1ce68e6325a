"""
How far the sweeps of an object came, in its home shard.

| name                    | type   | holds                                        |
|-------------------------|--------|----------------------------------------------|
| sweep:<system>:<object> | string | MessagePack of a `SweepState`, see `packed`  |
"""

from dataclasses import asdict, dataclass
from typing import Any, cast

from schemas.lead import SweepCause
from services.runtime.log.port import partition_of
from services.runtime.packing import pack, unpack
from services.sync.application.ports import Place


@dataclass(slots=True)
class Run:
    """A sweep under way: why, from which change up to which, where it stands, what it listed so far."""

    cause: SweepCause
    place: Place
    until: int
    began_at: int
    read: int = 0
    others: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """A sweep that came to its end: why it began, when it ended, how long it took, what it listed."""

    cause: SweepCause
    at: int
    took_ms: int
    read: int
    others: int


@dataclass(slots=True)
class SweepState:
    """`until`: all that changed up to then was seen, by the vendor's epoch ms."""

    until: int
    run: Run | None = None
    last: Ended | None = None

    def join(self, cause: SweepCause, since: int, *, now: int) -> None:
        """Begin a sweep of what changed from *since* on; one that is under way reaches back as far and goes up to now."""
        if self.run is None:
            self.run = Run(cause, Place(since), now, now)
            return
        if self.run.cause == "regular":
            self.run.cause = cause
        if since < self.run.place.at:
            self.run.place = Place(since)
        self.run.until = max(self.run.until, now)

    def finish(self, now: int) -> Ended | None:
        """End the sweep under way and return what it was."""
        run, self.run = self.run, None
        if run is None:
            return None
        self.until = max(self.until, run.until)
        self.last = Ended(run.cause, now, now - run.began_at, run.read, run.others)
        return self.last


def name_of(system: str, name: str) -> str:
    """Return the name of an object's state in its home."""
    return f"sweep:{system}:{name}"


def home_of(system: str, name: str, partitions: int) -> int:
    """Return the shard of the leads, by its partition, in which an object's sweep lives."""
    return partition_of(name_of(system, name), partitions)


def packed(state: SweepState) -> bytes:
    """Return *state* as bytes."""
    return pack(asdict(state))


def unpacked(data: bytes) -> SweepState:
    """Return the state that `packed` made *data* of."""
    raw = cast("dict[str, Any]", unpack(data))
    run, last = raw["run"], raw["last"]
    if run is not None:
        run["place"] = Place(**run["place"])
    return SweepState(
        raw["until"], None if run is None else Run(**run), None if last is None else Ended(**last)
    )
