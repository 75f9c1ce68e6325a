"""Canonical values as HubSpot's property strings, and back. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from services.sync.adapters.forms import Unmappable, canonical, day_of_instant, midnight
from services.sync.domain.field_map import FieldType, MappedField
from services.sync.domain.money import minor, minor_digits
from services.sync.domain.records import Scalar

MAX_LENGTH = 65_536
"""A HubSpot text holds this many characters; what is longer is refused: cut, it would come back as an edit."""

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1)
_DIGITS = re.compile(r"-?[0-9]{1,18}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TRUE = frozenset({"true", "1", "yes"})
_FALSE = frozenset({"false", "0", "no"})


class Unreadable(Exception):
    """A property's text is not of the type that the field map says; it is then not observed at all."""


@dataclass(frozen=True, slots=True)
class Context:
    """What values depend on: the firm's currency and zone, the owners both ways (e-mails in lower case)."""

    currency: str = "JPY"
    time_zone: str = "Asia/Tokyo"
    owner_ids: Mapping[str, str] = field(default_factory=dict[str, str])
    owner_emails: Mapping[str, str] = field(default_factory=dict[str, str])


def to_vendor(mapped: MappedField, value: Scalar, context: Context) -> str:
    """
    Return *value* as HubSpot's property string; None clears, as ``""``.

    Raises:
        Unmappable: The value is not of the field's type, or names an owner that HubSpot doesn't know.
    """
    if value is None:
        return ""
    text = _written(mapped, value, context)
    for vendor, ours in mapped.values.items():
        if ours == text:
            return vendor
    return text


def to_canonical(mapped: MappedField, text: str | None, context: Context) -> Scalar:
    """
    Return HubSpot's property string as a canonical value; an empty one is None.

    Values of an enumeration that the field map doesn't name pass through as they are.

    Raises:
        Unreadable: It isn't of the field's type.
    """
    if text is None or not text.strip():
        return None
    return canonical(mapped, _read(mapped, mapped.values.get(text, text), context))


def instant(text: str) -> int:
    """
    Return a date-time of HubSpot's, ISO 8601 or epoch milliseconds as text, as epoch milliseconds.

    Raises:
        Unreadable: It is neither.
    """
    stripped = text.strip()
    try:
        if _DIGITS.fullmatch(stripped):
            return int(stripped)
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        raise Unreadable(f"no instant: {text!r}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _written(mapped: MappedField, value: Scalar, context: Context) -> str:
    match mapped.type:
        case FieldType.TEXT | FieldType.PHONE | FieldType.DOMAIN:
            return _fitting(mapped, _clean(value if isinstance(value, str) else _plain(mapped, value)))
        case FieldType.EMAIL:
            return _fitting(mapped, _clean(_text(mapped, value)).strip().lower())
        case FieldType.INTEGER | FieldType.NUMBER:
            return _plain(mapped, value)
        case FieldType.MONEY:
            return _money(mapped, value, context)
        case FieldType.DATE:
            return str(_begin(mapped, _day(mapped, value), context))
        case FieldType.INSTANT:
            return str(_integer(mapped, value))
        case FieldType.BOOLEAN:
            return _truth(mapped, value)
        case FieldType.OWNER:
            return _owner(mapped, _text(mapped, value), context)


def _read(mapped: MappedField, text: str, context: Context) -> Scalar:
    match mapped.type:
        case FieldType.TEXT | FieldType.PHONE | FieldType.DOMAIN:
            # HubSpot keeps blanks at the ends and the sales tool cuts them off: without them both are equal.
            value: Scalar = _clean(text).strip() or None
        case FieldType.EMAIL:
            value = _clean(text).strip().lower() or None
        case FieldType.INTEGER:
            value = int(_decimal(text).to_integral_value())
        case FieldType.NUMBER:
            value = float(_decimal(text))
        case FieldType.MONEY:
            value = minor(_decimal(text), mapped.currency or context.currency)
        case FieldType.DATE:
            value = (
                day_of_instant(instant(text), context.time_zone) if mapped.form.as_instant else _day_of(text)
            )
        case FieldType.INSTANT:
            value = instant(text)
        case FieldType.BOOLEAN:
            value = _boolean(text)
        case FieldType.OWNER:
            value = context.owner_emails.get(text.strip(), text.strip())
    return value


def _clean(text: str) -> str:
    """Return *text* without what not every tool can hold: NULs, halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def _fitting(mapped: MappedField, text: str) -> str:
    if len(text) > MAX_LENGTH:
        raise Unmappable(mapped.name, f"{len(text)} characters; HubSpot takes {MAX_LENGTH}")
    return text


def _plain(mapped: MappedField, value: Scalar) -> str:
    if isinstance(value, bool):
        if mapped.type is FieldType.TEXT:
            return "true" if value else "false"
        raise Unmappable(mapped.name, f"{value!r} is not a number")
    if isinstance(value, int):
        return str(value)
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal("NaN")
    if not number.is_finite():
        raise Unmappable(mapped.name, f"{value!r} is not a number")
    if mapped.type is FieldType.INTEGER and number != number.to_integral_value():
        raise Unmappable(mapped.name, f"{value!r} is not a whole number")
    return f"{number.to_integral_value() if number == number.to_integral_value() else number:f}"


def _truth(mapped: MappedField, value: Scalar) -> str:
    if not isinstance(value, bool):
        raise Unmappable(mapped.name, f"{value!r} is not a boolean")
    return "true" if value else "false"


def _money(mapped: MappedField, value: Scalar, context: Context) -> str:
    digits = minor_digits(mapped.currency or context.currency)
    return f"{Decimal(_integer(mapped, value)).scaleb(-digits):f}"


def _integer(mapped: MappedField, value: Scalar) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Unmappable(mapped.name, f"{value!r} is not a whole number")


def _text(mapped: MappedField, value: Scalar) -> str:
    if isinstance(value, str):
        return value
    raise Unmappable(mapped.name, f"{value!r} is not a text")


def _day(mapped: MappedField, value: Scalar) -> date:
    try:
        return date.fromisoformat(_text(mapped, value))
    except ValueError:
        raise Unmappable(mapped.name, f"{value!r} is not a day, YYYY-MM-DD") from None


def _owner(mapped: MappedField, email: str, context: Context) -> str:
    found = context.owner_ids.get(email.strip().lower())
    if found is None:
        raise Unmappable(mapped.name, "no active HubSpot user has the owner's e-mail address")
    return found


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number.adjusted() > 300:  # noqa: PLR2004 - beyond any float
        raise Unreadable(f"no number: {text[:40]!r}")
    return number


def _begin(mapped: MappedField, day: date, context: Context) -> int:
    """Return what stands for *day*: its midnight in UTC, or in the firm's zone where the column holds instants."""
    if mapped.form.as_instant:
        return midnight(day, context.time_zone)
    return (day - _EPOCH_DAY).days * DAY_MS


def _day_of(text: str) -> str:
    """Return the day: HubSpot tells dates as such, or as the milliseconds of midnight UTC."""
    stripped = text.strip()
    try:
        if _DAY.fullmatch(stripped):
            return date.fromisoformat(stripped).isoformat()
        return (_EPOCH + timedelta(milliseconds=instant(stripped))).date().isoformat()
    except (ValueError, OverflowError):
        raise Unreadable(f"no day: {text[:40]!r}") from None


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE or lowered in _FALSE:
        return lowered in _TRUE
    raise Unreadable(f"no boolean: {text[:40]!r}")
