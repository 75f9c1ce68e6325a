"""Property values as HubSpot takes them: strings only, checked and normalised by the property's type."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from services.sync.adapters.hubspot.sandbox.refusal import Refusal, invalid
from services.sync.adapters.hubspot.sandbox.schema import Property

MAX_LENGTH = 65_536
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def iso(instant: int) -> str:
    """Return *instant*, epoch ms, as HubSpot writes date-times."""
    moment = datetime.fromtimestamp(instant // 1000, UTC)
    # Not strftime: its %Y writes the year 1 as "1".
    return f"{moment.replace(tzinfo=None).isoformat()}.{instant % 1000:03d}Z"


def checked(properties: Mapping[str, Property], given: Any, *, by_api: bool) -> dict[str, str]:
    """
    Return the *given* property values normalised; ``""`` clears a property.

    Raises:
        Refusal: Naming every value that HubSpot would not take.
    """
    if not isinstance(given, Mapping):
        raise invalid("Invalid input JSON: properties must be an object")
    taken: dict[str, str] = {}
    bad: list[Refusal] = []
    for name, value in given.items():  # pyright: ignore[reportUnknownVariableType] - JSON from outside
        try:
            taken[str(name)] = _checked(properties, str(name), value, by_api=by_api)  # pyright: ignore[reportUnknownArgumentType]
        except Refusal as refusal:
            bad.append(refusal)
    if bad:
        raise Refusal(
            400,
            "VALIDATION_ERROR",
            "Property values were not valid: " + "; ".join(each.message for each in bad),
            errors=[detail for each in bad for detail in each.errors],
        )
    return taken


def _checked(properties: Mapping[str, Property], name: str, value: Any, *, by_api: bool) -> str:
    known = properties.get(name)
    if known is None:
        raise invalid(f'Property "{name}" does not exist', code="PROPERTY_DOESNT_EXIST", name=name)
    if by_api and known.read_only:
        raise invalid(f'"{name}" is a read only property', code="READ_ONLY_VALUE", name=name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(f'Cannot deserialize value of property "{name}": not a string', name=name)
    if len(value) > MAX_LENGTH:
        raise invalid(f'"{name}" is longer than {MAX_LENGTH} characters', code="TOO_LONG", name=name)
    if not value:
        return ""
    return _typed(known, value)


def _typed(known: Property, value: str) -> str:
    if known.name == "email":
        return _email(value)
    if known.type == "number":
        return _number(known, value)
    if known.type == "bool":
        return _boolean(known, value)
    if known.type in {"date", "datetime"}:
        return _moment(known, value)
    if known.options and value not in known.options:
        raise invalid(
            f"{value} was not one of the allowed options for {known.name}",
            code="INVALID_OPTION",
            name=known.name,
        )
    return value


def _email(value: str) -> str:
    address = value.strip().lower()
    if not _EMAIL.fullmatch(address):
        raise invalid(f"Email address {value} is invalid", code="INVALID_EMAIL", name="email")
    return address


def _number(known: Property, value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise invalid(f"{value} was not a valid number.", code="INVALID_NUMBER", name=known.name)
    return value.strip()


def _boolean(known: Property, value: str) -> str:
    if value.lower() not in {"true", "false"}:
        raise invalid(f"{value} was not a valid boolean", code="INVALID_OPTION", name=known.name)
    return value.lower()


def _moment(known: Property, value: str) -> str:
    try:
        instant = int(value) if value.lstrip("-").isdigit() else _parsed(value)
        whole = iso(instant)
    except (ValueError, OverflowError, OSError):
        raise invalid(f"{value} was not a valid date", code="INVALID_DATE", name=known.name) from None
    if known.type == "datetime":
        return whole
    if instant % 86_400_000:
        raise invalid(f"{value} is not at midnight UTC.", code="INVALID_DATE", name=known.name)
    return whole[:10]


def _parsed(value: str) -> int:
    if len(value) == len("2024-05-01"):
        day = date.fromisoformat(value)
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
