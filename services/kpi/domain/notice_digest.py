"""What a message says: counts, one line for each promise, the most overdue first, and how many more."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.kpi.domain.notices import ClockKey, Kind, Live, Notice, Severity

_SHORT_AGO_MS = 60_000


@dataclass(frozen=True, slots=True)
class Message:
    """
    A message on its way to one channel.

    `live` is how clocks stand at `sent_at`, for those of which it is known.
    """

    id: str
    sink: str
    target: str
    notices: tuple[Notice, ...]
    sent_at: int
    live: Mapping[ClockKey, Live]


@dataclass(frozen=True, slots=True)
class Line:
    """
    How one promise stands; `as_of` is when that was so, None: at the sending.

    `elapsed_ms` and `overdue_ms` are time that counts.
    """

    notice: Notice
    elapsed_ms: int
    overdue_ms: int
    as_of: int | None


@dataclass(frozen=True, slots=True)
class Digest:
    """
    What a message says.

    The counts are of promises: broken and not kept yet, soon due, kept too late, and no breach after all.
    """

    overdue: int
    soon: int
    late: int
    withdrawn: int
    lines: tuple[Line, ...]
    more: int


def digest(message: Message, most_lines: int) -> Digest:
    """Return what *message* says; of alerts of one promise the last counts."""
    latest = {each.clock: each for each in message.notices}
    lines = sorted((_line(each, message) for each in latest.values()), key=lambda each: _order(each, message))
    kinds = Counter(each.kind for each in latest.values())
    return Digest(
        overdue=kinds[Kind.BREACHED] + kinds[Kind.ESCALATED],
        soon=kinds[Kind.WARNED],
        late=kinds[Kind.MET_LATE],
        withdrawn=kinds[Kind.RETRACTED],
        lines=_shown(lines, most_lines),
        more=max(0, len(lines) - most_lines),
    )


def _shown(lines: Sequence[Line], most: int) -> tuple[Line, ...]:
    return tuple(lines[:most])


def _line(notice: Notice, message: Message) -> Line:
    live = message.live.get(notice.clock)
    if live is not None and not notice.is_recovery:
        return Line(notice, live.elapsed_ms, live.overdue_ms, None)
    long_ago = not notice.is_recovery and message.sent_at - notice.told_at >= _SHORT_AGO_MS
    return Line(notice, notice.elapsed_ms, notice.overdue_ms, notice.told_at if long_ago else None)


def _order(line: Line, message: Message) -> tuple[int, int, int, str]:
    notice = line.notice
    group = {Severity.RECOVERY: 2, Severity.WARNING: 1}.get(notice.severity, 0)
    # What was told a while ago has become more overdue since; without a calendar at hand, by the wall clock.
    since = 0 if line.as_of is None else message.sent_at - line.as_of
    return group, -(line.overdue_ms + since) if group == 0 else 0, notice.deadline_at, notice.lead_id
