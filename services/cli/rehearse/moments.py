"""Times as exports write them: ISO 8601, as spreadsheets and Japanese forms show them, or by a format."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.cli.rehearse.bad_value import BadValue

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR, LAST_YEAR = 1970, 2199
_SECONDS, _MILLISECONDS = 10, 13
_SHAPES = "2026-11-22, 2026/11/22 9:30, 2026-11-22T09:30:00+09:00, 2026年11月22日 午後3時5分 or epoch seconds"
_MOMENT = re.compile(
    r"(?P<year>\d{4})[-/.年](?P<month>\d{1,2})[-/.月](?P<day>\d{1,2})日?"
    r"(?:[T ]*(?P<half>午前|午後)? *(?P<hour>\d{1,2})[:時](?P<minute>\d{1,2})"
    r"(?:[:分](?P<second>\d{1,2})(?:[.,](?P<part>\d{1,9}))?秒?)?分?(?: *(?P<mark>[AaPp])\.?[Mm]\.?)?)?"
    r"(?: *(?P<zone>Z|UTC|GMT|JST|[+-]\d{2}:?\d{2}))?"
)
_ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "JST": 540}


def instant(text: str, forms: Sequence[str], zone: str) -> int:
    """
    Return the instant that *text* names, epoch ms.

    A time that the zone's clocks skip counts as if they had not been put forward yet; one that they show twice
    is the first of the two.

    Args:
        text: A cell.
        forms: strptime formats, ``epoch`` or ``epoch-ms``; none takes what is unambiguous by itself.
        zone: Of times without an offset.

    Raises:
        BadValue: It is no such time, or not of a year from 1970 to 2199.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    moment = _by_forms(plain, forms) if forms else _by_itself(plain)
    if moment is None:
        wanted = " or ".join(forms) if forms else f"{_SHAPES}; for others give at_format in the map"
        raise BadValue(f"{text!r} is no time of the form {wanted}")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise BadValue(f"{text!r} is not of a year from {FIRST_YEAR} to {LAST_YEAR}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return round((moment - EPOCH) / timedelta(milliseconds=1))


def day(text: str, forms: Sequence[str], zone: str) -> str:
    """Return the calendar day that *text* names, ``YYYY-MM-DD`` in *zone*. Raises BadValue."""
    moment = EPOCH + timedelta(milliseconds=instant(text, forms, zone))
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()


def wrong_format(form: str) -> str | None:
    """Return what is wrong with *form*, None for a format that can be used."""
    if form in {"epoch", "epoch-ms"}:
        return None
    if "%" not in form:
        return f"{form!r} is no format: write %Y, %m, %d, %H, %M, or epoch"
    try:
        datetime.strptime("", form)  # noqa: DTZ007 (only the format is looked at)
    except ValueError as error:
        text = str(error)
        return None if "does not match" in text or "unconverted" in text else text
    except re.error:
        return f"{form!r} says something twice"
    return None


def _by_forms(text: str, forms: Sequence[str]) -> datetime | None:
    for form in forms:
        try:
            if form in {"epoch", "epoch-ms"}:
                return EPOCH + timedelta(seconds=float(text) / (1 if form == "epoch" else 1_000))
            return datetime.strptime(text, form)  # noqa: DTZ007 (the zone follows)
        except (ValueError, OverflowError):
            continue
    return None


def _by_itself(text: str) -> datetime | None:
    if text.isdigit() and len(text) in {_SECONDS, _MILLISECONDS}:
        unit = 1 if len(text) == _SECONDS else 1_000
        return EPOCH + timedelta(milliseconds=int(text) * 1_000 // unit)
    found = _MOMENT.fullmatch(text)
    try:
        return datetime.fromisoformat(text) if found is None else _moment(found)
    except ValueError:
        return None


def _moment(found: re.Match[str]) -> datetime:
    """Return what the parts say. Raises ValueError for the 31st of February."""
    hour = int(found["hour"] or 0)
    half = found["half"] or {"a": "午前", "p": "午後"}.get((found["mark"] or "").lower())
    if half is not None:
        if hour > 12:  # noqa: PLR2004 (a clock's half)
            raise ValueError(found[0])
        hour = hour % 12 + (12 if half == "午後" else 0)
    moment = datetime(  # noqa: DTZ001 (the zone follows)
        int(found["year"]),
        int(found["month"]),
        int(found["day"]),
        hour,
        int(found["minute"] or 0),
        int(found["second"] or 0),
        int((found["part"] or "0")[:6].ljust(6, "0")),
    )
    return moment if found["zone"] is None else moment.replace(tzinfo=UTC) - _offset(found["zone"])


def _offset(zone: str) -> timedelta:
    if zone in _ZONES:
        return timedelta(minutes=_ZONES[zone])
    sign = -1 if zone[0] == "-" else 1
    return sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
