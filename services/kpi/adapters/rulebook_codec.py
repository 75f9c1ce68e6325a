"""
The eras of the promises as bytes in the store: MessagePack, the same bytes for the same rules.

`[FORMAT, eras]`; an era is `[from_at, changed_at, fingerprint, book]`, a book `[policies, calendars]`, each sorted by name.
Days of a calendar are ordinals of the proleptic Gregorian calendar.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from services.kpi.domain.sla.calendar import BusinessCalendar, Day, Interval
from services.kpi.domain.sla.deadlines import Hours
from services.kpi.domain.sla.policy import Escalation, Overdue, Pause, Policy, Reopening, Target, Warn
from services.kpi.domain.sla.rulebook import BookEra, Rulebook
from services.runtime.packing import pack, unpack
from services.runtime.stored_format import StoredOtherwise

FORMAT = 1


def fingerprint(book: Rulebook) -> str:
    """Return what tells two books apart that promise other things; the same in each process."""
    return sha256(pack([FORMAT, _book(book)])).hexdigest()[:16]


def encode_eras(history: Sequence[BookEra]) -> bytes:
    """Return *history* as bytes."""
    eras = [[each.from_at, each.changed_at, each.fingerprint, _book(each.book)] for each in history]
    return pack([FORMAT, eras])


@lru_cache(maxsize=64)  # most shards have the same eras; a calendar's table takes a while to lay out
def decode_eras(data: bytes) -> tuple[BookEra, ...]:
    """
    Return the eras that `encode_eras` made *data* of.

    Raises:
        StoredOtherwise: The bytes are of another format.
    """
    form, eras = unpack(data)
    if form != FORMAT:
        raise StoredOtherwise("eras of promises are", form, FORMAT)
    return tuple(BookEra(from_at, at, mark, _read_book(book)) for from_at, at, mark, book in eras)


def _book(book: Rulebook) -> list[Any]:
    calendars: dict[str, Hours] = {}
    for each in book.terms.values():
        calendars |= each.calendars
    return [
        [_policy(each.policy) for _, each in sorted(book.terms.items())],
        [_calendar(name, each) for name, each in sorted(calendars.items())],
    ]


def _read_book(parts: Any) -> Rulebook:
    policies, calendars = parts
    return Rulebook.of(
        [_read_policy(each) for each in policies], {each[0]: _read_calendar(each) for each in calendars}
    )


def _policy(policy: Policy) -> list[Any]:
    return [
        policy.name,
        policy.starts,
        policy.stops,
        [[each.budget_ms, each.calendar, sorted(each.when.items())] for each in policy.targets],
        policy.cancels,
        policy.resets,
        policy.reopens,
        str(policy.reopening),
        [[each.begins, each.ends] for each in policy.pauses],
        [[each.share, each.notify] for each in policy.warnings],
        policy.breach_notify,
        [[each.notify, each.after_ms, each.share, each.reassign] for each in policy.escalations],
        str(policy.overdue),
    ]


def _read_policy(parts: Any) -> Policy:
    name, starts, stops, targets, cancels, resets, reopens, reopening, *rest = parts
    pauses, warnings, breach_notify, escalations, overdue = rest
    return Policy(
        name=name,
        starts=tuple(starts),
        stops=tuple(stops),
        targets=tuple(
            Target(budget_ms=ms, calendar=named, when={trait: tuple(values) for trait, values in when})
            for ms, named, when in targets
        ),
        cancels=tuple(cancels),
        resets=tuple(resets),
        reopens=tuple(reopens),
        reopening=Reopening(reopening),
        pauses=tuple(Pause(begins=tuple(begins), ends=tuple(ends)) for begins, ends in pauses),
        warnings=tuple(Warn(share=share, notify=tuple(notify)) for share, notify in warnings),
        breach_notify=tuple(breach_notify),
        escalations=tuple(
            Escalation(notify=tuple(notify), after_ms=ms, share=share, reassign=reassign)
            for notify, ms, share, reassign in escalations
        ),
        overdue=Overdue(overdue),
    )


def _calendar(name: str, hours: Hours) -> list[Any]:
    if not isinstance(hours, BusinessCalendar):
        raise TypeError(
            f"hours of the kind {type(hours).__name__} can't be stored"
        )  # a bug of the composition
    return [
        name,
        hours.name,
        str(hours.zone),
        hours.week,
        sorted(each.toordinal() for each in hours.holidays),
        [[each.toordinal(), day] for each, day in sorted(hours.special.items())],
    ]


def _read_calendar(parts: Any) -> BusinessCalendar:
    _, name, zone, week, holidays, special = parts
    days: Mapping[date, Day] = {date.fromordinal(each): _day(day) for each, day in special}
    return BusinessCalendar(
        name=name,
        zone=ZoneInfo(zone),
        week=tuple(_day(each) for each in week),
        holidays=frozenset(date.fromordinal(each) for each in holidays),
        special=days,
    )


def _day(intervals: Iterable[Any]) -> Day:
    return tuple(Interval(*each) for each in intervals)
