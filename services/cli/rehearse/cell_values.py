"""A cell's text as the value of a canonical field, and as what a person would type into the vendor's screen."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from services.cli.rehearse.bad_value import BadValue
from services.cli.rehearse.moments import day, instant
from services.sync.adapters.forms import phone
from services.sync.domain.field_map import FieldType
from services.sync.domain.money import minor_digits
from services.sync.domain.records import Scalar

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s.,;<>\"]+(\.[^@\s.,;<>\"]+)+")
_MONEY_WORDS = re.compile(r"JPY|USD|EUR|GBP|BRL|INR|US|R\$|Rs\.?|[¥$€£₹円元]|\s|-$", re.IGNORECASE)
_UNITS = {"億": 10**8, "万": 10**4, "千": 10**3}
_WITH_UNITS = re.compile(
    r"(?:(?P<億>[\d.,]+)億)?(?:(?P<万>[\d.,]+)万)?(?:(?P<千>[\d.,]+)千)?(?P<rest>[\d.,]*)"
)
_THOUSANDS = re.compile(r"\d{1,3}(,\d{2,3})*,\d{3}(\.\d+)?")
_EUROPEAN = re.compile(r"\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,}|\d+,\d{1,2}")
_YES = frozenset({"1", "true", "t", "yes", "y", "on", "はい", "有", "有り", "あり", "済", "○", "◯", "✓", "x"})
_NO = frozenset({"0", "false", "f", "no", "n", "off", "いいえ", "無", "無し", "なし", "未", "×", "-"})


@dataclass(frozen=True, slots=True)
class Value:
    """A value: `canonical` as tasuki holds it, `typed` as text for a vendor's form."""

    canonical: Scalar
    typed: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How cells are read: the zone and formats of times, the currency of amounts, the country of telephones."""

    time_zone: str
    forms: Sequence[str] = ()
    currency: str = "JPY"
    region: str = "JP"


def value_of(kind: FieldType, text: str, reading: Reading) -> Value:
    """
    Return the value of the type *kind* that the cell *text* holds, which isn't empty.

    Raises:
        BadValue: It holds none.
    """
    return _READERS[kind](text, reading)


def number(text: str) -> Decimal:
    """
    Return the number in *text*: with marks for thousands, currencies, 万 and 億, full-width digits.

    Raises:
        BadValue: There is none.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    negative = plain.startswith(("-", "−", "△", "▲")) or (plain.startswith("(") and plain.endswith(")"))
    bare = _MONEY_WORDS.sub("", plain.strip("-−△▲()"))
    found = _WITH_UNITS.fullmatch(bare)
    if found is None or not bare:
        raise BadValue(f"{text!r} is no number")
    total = sum(
        (_plain(found[unit], text) * size for unit, size in _UNITS.items() if found[unit]), Decimal(0)
    )
    if found["rest"]:
        total += _plain(found["rest"], text)
    return -total if negative else total


def whole(text: str) -> int:
    """Return the whole number in *text*. Raises BadValue."""
    found = number(text)
    if found != found.to_integral_value():
        raise BadValue(f"{text!r} is no whole number")
    return int(found)


def _plain(digits: str, text: str) -> Decimal:
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(",", "")
    elif _EUROPEAN.fullmatch(digits):
        digits = digits.replace(".", "").replace(",", ".")
    try:
        return Decimal(digits)
    except InvalidOperation as error:
        raise BadValue(f"{text!r} is no number") from error


def _text(text: str, _reading: Reading) -> Value:
    return Value(text, text)


def _phone(text: str, reading: Reading) -> Value:
    return Value(phone(text, reading.region), text)


def _email(text: str, _reading: Reading) -> Value:
    address = unicodedata.normalize("NFKC", text).strip().lower()
    if not _EMAIL.fullmatch(address):
        raise BadValue(f"{text!r} is no e-mail address")
    return Value(address, address)


def _integer(text: str, _reading: Reading) -> Value:
    found = whole(text)
    return Value(found, str(found))


def _number(text: str, _reading: Reading) -> Value:
    found = number(text)
    return Value(float(found), f"{found:f}")


def _money(text: str, reading: Reading) -> Value:
    found = number(text)
    minor = found.scaleb(minor_digits(reading.currency))
    if minor != minor.to_integral_value():
        raise BadValue(f"{text!r} has more decimals than {reading.currency} has; say `currency` in the map")
    return Value(int(minor), f"{found.normalize():f}")


def _date(text: str, reading: Reading) -> Value:
    found = day(text, reading.forms, reading.time_zone)
    return Value(found, found)


def _instant(text: str, reading: Reading) -> Value:
    found = str(instant(text, reading.forms, reading.time_zone))
    return Value(int(found), found)


def _boolean(text: str, _reading: Reading) -> Value:
    word = unicodedata.normalize("NFKC", text).strip().lower()
    if word not in _YES | _NO:
        raise BadValue(f"{text!r} is neither yes nor no; known are {', '.join(sorted(_YES | _NO))}")
    return Value(word in _YES, "true" if word in _YES else "false")


_Reader: TypeAlias = Callable[[str, Reading], Value]
_READERS: dict[FieldType, _Reader] = {
    FieldType.TEXT: _text,
    FieldType.OWNER: _text,
    FieldType.EMAIL: _email,
    FieldType.PHONE: _phone,
    FieldType.DOMAIN: _text,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.MONEY: _money,
    FieldType.DATE: _date,
    FieldType.INSTANT: _instant,
    FieldType.BOOLEAN: _boolean,
}
