"""Values between Salesforce's form and ours, both ways, by the field map. Pure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from services.errors import Rejected
from services.sync.adapters.forms import Unmappable, canonical, columns, day_of_instant, midnight
from services.sync.domain.field_map import FieldMap, FieldType, MappedField, held
from services.sync.domain.money import minor, minor_digits
from services.sync.domain.records import Kind, Scalar

_DAY_MS = 86_400_000
_LAST_INSTANT = 253_402_300_799_999  # the end of the year 9999
_MAX_DIGITS = 30  # far beyond the vendor's 18; keeps 1e999999999 from becoming a whole number
_QUEUE_PREFIX = "00G"


TASK_FIELDS = (
    MappedField(name="subject", vendor_name="Subject"),
    MappedField(name="owner", vendor_name="OwnerId", type=FieldType.OWNER),
    MappedField(name="due_on", vendor_name="ActivityDate", type=FieldType.DATE),
    MappedField(name="body", vendor_name="Description"),
    MappedField(name="status", vendor_name="Status"),
    MappedField(name="priority", vendor_name="Priority"),
)
"""How a task of ours is written where the field map says nothing of it; it isn't read back this way."""


def vendor_instant(at: int) -> str:
    """
    Return *at*, epoch ms, as the REST API writes it: ``2026-11-22T01:02:03.000+0000``.

    Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_valid_date_formats.htm
    """
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return f"{moment.replace(tzinfo=None).isoformat()}.{at % 1000:03d}+0000"


def canonical_instant(raw: object) -> int:
    """Return epoch ms of a datetime as REST (text) or the event bus (epoch ms) gives it; else ValueError."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        if abs(raw) > _LAST_INSTANT:
            raise ValueError(f"{raw} is beyond the calendar")
        return raw
    if not isinstance(raw, str):
        raise TypeError(f"{raw!r} is not an instant")
    moment = datetime.fromisoformat(raw)
    if moment.tzinfo is None:
        raise ValueError(f"{raw!r} has no offset")
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


class FieldMapping:
    """The field map of the organisation, applied."""

    def __init__(self, fields: FieldMap) -> None:
        self._fields = fields
        self._zone = ZoneInfo(fields.time_zone)
        self._scale = Decimal(10) ** minor_digits(fields.currency)
        self._readers: Mapping[FieldType, Callable[[Any], Scalar]] = {
            FieldType.TEXT: lambda raw: _clean(_text(raw)) or None,
            FieldType.PHONE: lambda raw: _clean(_text(raw)) or None,
            FieldType.DOMAIN: lambda raw: _clean(_text(raw)) or None,
            FieldType.EMAIL: lambda raw: _clean(_text(raw)).lower() or None,
            FieldType.INTEGER: lambda raw: int(_number(raw)),
            FieldType.NUMBER: lambda raw: float(_number(raw)),
            FieldType.MONEY: lambda raw: minor(_number(raw), fields.currency),
            FieldType.DATE: self._day,
            FieldType.INSTANT: canonical_instant,
            FieldType.BOOLEAN: _boolean,
        }
        self._writers: Mapping[FieldType, Callable[[Any], object]] = {
            FieldType.TEXT: _text,
            FieldType.PHONE: _text,
            FieldType.DOMAIN: _text,
            FieldType.EMAIL: _text,
            FieldType.INTEGER: lambda value: int(_number(value)),
            FieldType.NUMBER: lambda value: float(_number(value)),
            FieldType.MONEY: self._amount,
            FieldType.DATE: lambda value: date.fromisoformat(value).isoformat(),
            FieldType.INSTANT: lambda value: vendor_instant(canonical_instant(value)),
            FieldType.BOOLEAN: _boolean,
        }

    def of(self, kind: Kind, sobject: str | None) -> tuple[MappedField, ...]:
        """Return the mapped fields of *sobject*, of all objects of *kind* without one."""
        return self._fields.of(kind, sobject)

    @property
    def keeps_companies(self) -> bool:
        """Whether any field is a company's."""
        return self._fields.keeps_companies

    def owner_fields(self) -> frozenset[str]:
        """Return the API names that hold user ids."""
        mapped = (each for kind in Kind for each in self._fields.of(kind))
        return frozenset(each.vendor_name for each in mapped if each.type is FieldType.OWNER) | {"OwnerId"}

    def canonical(
        self, kind: Kind, sobject: str, values: Mapping[str, Any], owners: Mapping[str, str]
    ) -> Iterator[tuple[str, Scalar]]:
        """
        Yield name and value of each mapped field that *values* (API name → vendor's value) holds.

        *owners* maps user ids, of 15 or 18 characters, to e-mail addresses. Raises Rejected (``bad-value``).
        """
        for mapped in self.of(kind, sobject):
            if mapped.vendor_name in values:
                value = self.read(mapped, values[mapped.vendor_name], owners)
                yield mapped.name, held(kind, mapped, value)

    def read(self, mapped: MappedField, raw: object, owners: Mapping[str, str]) -> Scalar:
        """Return *raw*, the vendor's value of *mapped*, as ours. Raises Rejected (``bad-value``)."""
        if raw is None or raw == "":
            return None
        if isinstance(raw, str) and raw in mapped.values:
            raw = mapped.values[raw]
        if mapped.type is FieldType.OWNER:
            return owner_email(raw, owners)
        try:
            if mapped.type is FieldType.DATE and mapped.form.as_instant:
                return day_of_instant(canonical_instant(raw), self._fields.time_zone)
            return canonical(mapped, self._readers[mapped.type](raw))
        except (ValueError, TypeError, ArithmeticError) as error:
            raise Rejected(
                f"{mapped.vendor_name} does not hold a value of type {mapped.type}: {error}",
                reason="bad-value",
            ) from error

    def vendor(
        self, kind: Kind, sobject: str, fields: Mapping[str, Scalar], user_ids: Mapping[str, str]
    ) -> tuple[dict[str, object], list[Unmappable]]:
        """
        Return *fields* (canonical) as API names and the vendor's values, and those that have no form there.

        Fields that the object lacks are left out. *user_ids* maps e-mail addresses, in lower case, to user ids.
        """
        values: dict[str, object] = {}
        known = (each for each in self.written(kind, sobject) if each.writable and each.name in fields)
        held, failed = columns((each, fields[each.name]) for each in known)
        for mapped, value in held:
            try:
                values[mapped.vendor_name] = self.write(mapped, value, user_ids)
            except Unmappable as error:
                failed.append(error)
        return values, failed

    def written(self, kind: Kind, sobject: str | None) -> tuple[MappedField, ...]:
        """Return the mapped fields of *sobject* as they are written: those of a task are known anyway."""
        mapped = self.of(kind, sobject)
        if kind is not Kind.ACTIVITY:
            return mapped
        names = {each.name for each in mapped}
        return (*mapped, *(each for each in TASK_FIELDS if each.name not in names))

    def write(self, mapped: MappedField, value: Scalar, user_ids: Mapping[str, str]) -> object:
        """Return *value* in the vendor's form. Raises Unmappable."""
        if value is None or value == "":
            return None
        if mapped.type is FieldType.OWNER:
            return _user_id(mapped, value, user_ids)
        for theirs, ours in mapped.values.items():
            if ours == value:
                return theirs
        try:
            if mapped.type is FieldType.DATE and mapped.form.as_instant:
                return vendor_instant(midnight(date.fromisoformat(str(value)), self._fields.time_zone))
            return self._writers[mapped.type](value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise Unmappable(mapped.name, f"{error}") from error

    def _amount(self, value: object) -> float | int:
        amount = _number(value) / self._scale
        return int(amount) if amount == amount.to_integral_value() else float(amount)

    def _day(self, raw: object) -> str:
        """Return the day of a date, or the day on which a datetime falls in the firm's time zone."""
        if isinstance(raw, str) and "T" not in raw:
            return date.fromisoformat(raw).isoformat()
        at = canonical_instant(raw)
        # The event bus sends a date as its midnight in UTC.
        zone = UTC if isinstance(raw, int) and at % _DAY_MS == 0 else self._zone
        return (
            (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at))
            .astimezone(zone)
            .date()
            .isoformat()
        )


def owner_email(raw: object, owners: Mapping[str, str]) -> str | None:
    """Return the owner's e-mail address; None for a queue, which is nobody yet, and for an unknown user."""
    if not isinstance(raw, str) or raw.startswith(_QUEUE_PREFIX):
        return None
    return owners.get(raw) or owners.get(raw[:15])


def _user_id(mapped: MappedField, value: Scalar, user_ids: Mapping[str, str]) -> str:
    found = user_ids.get(str(value).lower())
    if found is None:
        raise Unmappable(mapped.name, "no active Salesforce user has this e-mail address")
    return found


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{type(value).__name__} is not a text")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _clean(text: str) -> str:
    """Return *text* as the marketing tool would hold it too, so that it doesn't come back as another value."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode().strip()


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"{type(value).__name__} is not a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite() or number.adjusted() > _MAX_DIGITS:
        raise ValueError(f"{value!r} is not a number of a field's size")
    return number


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise TypeError(f"{value!r} is not a boolean")
