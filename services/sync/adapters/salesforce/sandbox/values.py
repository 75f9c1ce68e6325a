"""Values of fields: checked and turned into what the sandbox stores, and back into the vendor's JSON.

Stored are: texts, booleans, numbers, 18-character ids, dates as "YYYY-MM-DD", datetimes as epoch ms.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.sync.adapters.salesforce.sandbox import ids
from services.sync.adapters.salesforce.sandbox.fields import Field
from services.sync.adapters.salesforce.sandbox.refusal import CallError, Refusal

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def stored(field: Field, value: object) -> Any:
    """
    Return *value*, as JSON gave it, as it is stored; None for null and for an empty text.

    Raises Refusal for a value that the field does not take, CallError for JSON of the wrong type.
    """
    if value is None or value == "":
        return field.default if field.type == "boolean" else None
    return _READERS[field.type](field, value)


def _text(field: Field, value: object) -> str | None:
    if not isinstance(value, str):
        raise _wrong_type(field, value, "string")
    text = value.strip()
    if len(text) > field.length:
        raise Refusal(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {text[:20]}… (max length={field.length})",
            (field.name,),
        )
    return text or None


def _email(field: Field, value: object) -> str | None:
    text = _text(field, value)
    if text is not None and not _EMAIL.fullmatch(text):
        raise Refusal("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", (field.name,))
    return text


def _pick(field: Field, value: object) -> str | None:
    text = _text(field, value)
    if field.restricted and text not in field.values:
        raise Refusal(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.label}: bad value for restricted picklist field: {text}",
            (field.name,),
        )
    return text


def _boolean(field: Field, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise _wrong_type(field, value, "boolean")


def _number(field: Field, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _wrong_type(field, value, field.type)
    try:
        return float(value)
    except ValueError:
        raise _wrong_type(field, value, field.type) from None


def _whole(field: Field, value: object) -> int:
    number = _number(field, value)
    if not number.is_integer():
        raise _wrong_type(field, value, "int")
    return int(number)


def _date(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(field, value, "date")
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        raise _wrong_type(field, value, "date") from None


def _datetime(field: Field, value: object) -> int:
    if not isinstance(value, str):
        raise _wrong_type(field, value, "datetime")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _wrong_type(field, value, "datetime") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    # The vendor keeps whole seconds of what is written into a datetime field.
    # Source: https://albasfdc.com/2016/03/28/working-with-datetimes/
    return (moment - _EPOCH) // timedelta(seconds=1) * 1000


def _reference(field: Field, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(field, value, "reference")
    try:
        return ids.normal(value)
    except Refusal as refusal:
        raise Refusal(
            "MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", (field.name,)
        ) from refusal


def _wrong_type(field: Field, value: object, wanted: str) -> CallError:
    return CallError(
        400, "JSON_PARSER_ERROR", f"Cannot deserialize instance of {wanted} from {value!r} ({field.name})"
    )


_READERS: Mapping[str, Callable[[Field, object], Any]] = {
    **dict.fromkeys(("string", "textarea", "phone", "url"), _text),
    "email": _email,
    "picklist": _pick,
    "boolean": _boolean,
    "int": _whole,
    **dict.fromkeys(("double", "currency", "percent"), _number),
    "date": _date,
    "datetime": _datetime,
    **dict.fromkeys(("reference", "id"), _reference),
}


def rendered(field: Field, value: Any) -> Any:
    """Return a stored *value* as the REST API's JSON has it."""
    if value is None:
        return False if field.type == "boolean" else None
    if field.type == "datetime":
        moment = datetime.fromtimestamp(value // 1000, UTC)
        return f"{moment.replace(tzinfo=None).isoformat()}.{value % 1000:03d}+0000"
    return value


def midnight(day: str) -> int:
    """Return the beginning of *day* in UTC, epoch ms: a date in a change event."""
    return round((datetime.fromisoformat(day).replace(tzinfo=UTC) - _EPOCH) / timedelta(milliseconds=1))
