"""
The KPIs on `tasuki.kpi.v1`: whoever holds the first shard reads the figures now and then, and tells those that changed.

| name      | type | field → value                                                                             |
|-----------|------|-------------------------------------------------------------------------------------------|
| snapshots | hash | metric/window/segment → the version that was told last, and the digest of what it said    |

What was told and the event stand in one commit of that shard (ADR 0021), so of one shard only its owner tells.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import structlog

from schemas.kpi import Figure as Told
from schemas.kpi import FigureChanged, Segment
from schemas.topics import KPI
from services.errors import Retryable
from services.kpi.application.reading import Answer, Ask, Figure, Readings
from services.kpi.consumers.alerts import SOURCE
from services.kpi.domain.calendar import MINUTE_MS
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.rules import ROLE
from services.kpi.domain.windows import Window, range_of
from services.runtime.clock import Clock
from services.runtime.endings import ended, report_end
from services.runtime.log.port import Record
from services.runtime.operations import Operations
from services.runtime.outbox import Emission
from services.runtime.pacing import paced
from services.runtime.shard import Shard

SNAPSHOTS = "snapshots"
ROLES = ("sdr", "bdr")
_PAUSE_S = 1.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_log = structlog.get_logger(__name__)

Last = tuple[int, str]
"""The version and the digest of what was told last."""


class Snapshots:
    """
    See `Companion`: tells the figures of the whole firm and of each role while the first shard is held.

    Args:
        windows: Of which figures are told.
        currency: Of money.
        every_ms: They are read at most so often, and only where a shard has changed or a minute is over.
        failed: Told of an unexpected end; it is to end the process.
        seen: Told of the figures that were read, and of None when the shard goes.
    """

    def __init__(
        self,
        readings: Readings,
        *,
        windows: Sequence[Window],
        currency: str,
        every_ms: int,
        clock: Clock,
        failed: Callable[[BaseException], None],
        seen: Callable[[Sequence[tuple[Window, Figure]] | None], None] = lambda _figures: None,
    ) -> None:
        self._readings = readings
        self._windows = tuple(windows)
        self._currency = currency
        self._every_s = every_ms / 1000
        self._clock = clock
        self._failed = failed
        self._seen = seen
        self._task: asyncio.Task[None] | None = None
        rules = readings.rules
        self._segments = (None, *((ROLE, each) for each in ROLES)) if ROLE in rules.dimensions else (None,)

    def opened(self, shard: Shard) -> None:
        """Begin, if *shard* is the first."""
        if shard.id.partition == 0:
            self._task = asyncio.create_task(self._run(shard), name=f"snapshots {shard.id}")
            self._task.add_done_callback(lambda task: report_end(task, self._failed))

    async def closed(self, shard: Shard) -> None:
        """End, if *shard* is the first."""
        if shard.id.partition == 0:
            task, self._task = self._task, None
            await ended(task)
            self._seen(None)

    async def _run(self, shard: Shard) -> None:
        told: dict[str, Last] | None = None
        known: object = None
        while True:
            try:
                if told is None:
                    told = await _load(shard)
                now = self._clock()
                found = (await self._readings.versions(), now // MINUTE_MS)
                if found != known and await self._tell(shard, told, now):
                    known = found
            except Retryable as error:
                _log.warning("snapshots.delayed", shard=str(shard.id), reason=str(error))
                await asyncio.sleep(_PAUSE_S)
            await asyncio.sleep(self._every_s)

    async def _tell(self, shard: Shard, told: dict[str, Last], now: int) -> bool:
        """Tell what changed; return False where leads are being counted anew, for then figures are too low."""
        seen: list[tuple[Window, Figure]] = []
        for window in self._windows:
            # One after the other, and in slices: all at once would hold the event loop for too long.
            answer = await self._readings.many(self._asks(window, now), now=now)
            if not answer.complete:
                return False
            await self._tell_changed(shard, told, window, answer, now)
            seen += ((window, figure) for figure in answer.figures)
        self._seen(seen)
        return True

    async def _tell_changed(
        self, shard: Shard, told: dict[str, Last], window: Window, answer: Answer, now: int
    ) -> None:
        changed: dict[str, Last] = {}
        emissions: list[Emission] = []
        async for figure in paced(answer.figures):
            subject, digest = subject_of(window, figure.ask), _digest(figure)
            version, last = told.get(subject, (0, ""))
            if digest != last:
                # Not below the present: a version isn't given twice where the store lost its last writes.
                version = max(version + 1, now)
                changed[subject] = (version, digest)
                emissions.append(_emission(subject, window, figure, version, now, answer.offsets))
        if changed:
            kept = {each: f"{version} {digest}" for each, (version, digest) in changed.items()}
            await shard.commit(Operations().hset(shard.key(SNAPSHOTS), kept), emissions=emissions)
            told |= changed

    def _asks(self, window: Window, now: int) -> list[Ask]:
        over = range_of(window, now, self._readings.calendar, self._readings.rules)
        return [
            Ask(metric=name, range=over, segment=segment, currency=self._currency)
            for name in METRICS
            for segment in self._segments
        ]


def subject_of(window: Window, ask: Ask) -> str:
    """Return the key of a figure on the topic."""
    head = f"{ask.metric}/{window}"
    return head if ask.segment is None else f"{head}/{ask.segment[0]}={ask.segment[1]}"


async def _load(shard: Shard) -> dict[str, Last]:
    (found,) = await shard.store.read([("HGETALL", shard.key(SNAPSHOTS))])
    lasts: dict[str, Last] = {}
    for subject, kept in found.items():
        version, _, digest = kept.decode().partition(" ")
        lasts[subject.decode()] = (int(version), digest)
    return lasts


def _digest(figure: Figure) -> str:
    said = (figure.value, figure.numerator, figure.denominator, figure.p90_ms, figure.ask.currency)
    return sha256(repr(said).encode()).hexdigest()[:16]


def _emission(
    subject: str, window: Window, figure: Figure, version: int, now: int, offsets: Mapping[int, int]
) -> Emission:
    ask, interval = figure.ask, figure.interval
    unit = METRICS[ask.metric].unit
    event = FigureChanged(
        id=f"{subject}/{version}",
        source=SOURCE,
        subject=subject,
        time=f"{(_EPOCH + timedelta(milliseconds=now)).isoformat(timespec='milliseconds')[:-6]}Z",
        data=Told(
            version=version,
            metric=ask.metric,
            window=window,
            segment=None if ask.segment is None else Segment(dimension=ask.segment[0], value=ask.segment[1]),
            unit=unit,
            currency=ask.currency if unit == "money" else None,
            value=figure.value,
            numerator=figure.numerator,
            denominator=figure.denominator,
            low=None if interval is None else interval.low,
            high=None if interval is None else interval.high,
            p90_ms=figure.p90_ms,
            from_at=figure.range.from_at,
            to_at=figure.range.to_at,
            as_of=now,
            offsets={str(partition): offset for partition, offset in sorted(offsets.items())},
        ),
    )
    return Emission(Record(KPI.name, subject, event.model_dump_json().encode()))
