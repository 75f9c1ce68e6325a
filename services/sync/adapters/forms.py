"""Values in the form a column is configured to hold them in, and back: telephone, width, parts of a name. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat

from services.sync.domain.company import normal_domain
from services.sync.domain.field_map import FieldType, MappedField
from services.sync.domain.forms import Form, NameOrder, NamePart, PhoneStyle
from services.sync.domain.records import Scalar

_STYLES = {
    PhoneStyle.NATIONAL: PhoneNumberFormat.NATIONAL,
    PhoneStyle.INTERNATIONAL: PhoneNumberFormat.INTERNATIONAL,
    PhoneStyle.E164: PhoneNumberFormat.E164,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DASHES = re.compile("[‐‑‒–—―−ー－ｰ]")


class Unmappable(Exception):
    """A canonical value has no form at the vendor's; `name` is the canonical field."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


class Name(NamedTuple):
    """A person's name."""

    last: str | None
    first: str | None


def canonical(mapped: MappedField, value: Scalar) -> Scalar:
    """Return *value*, as the column of *mapped* holds it, in the form in which both sides are compared."""
    if not isinstance(value, str):
        return value
    form = mapped.form
    if form.part is not None:
        name = split(value, form.order)
        part = name.last if form.part is NamePart.LAST else name.first
        return same_width(part) if part is not None and form.same_width else part
    if mapped.type is FieldType.DOMAIN:
        return normal_domain(value) or value
    if mapped.type is FieldType.PHONE:
        return phone(value, form.region)
    return same_width(value) if form.same_width else value


def columns(
    fields: Iterable[tuple[MappedField, Scalar]],
) -> tuple[list[tuple[MappedField, Scalar]], list[Unmappable]]:
    """Return each column of *fields* once, with what it is to hold, and what would not be read back as it was."""
    parts: dict[str, dict[NamePart, tuple[MappedField, Scalar]]] = {}
    held: list[tuple[MappedField, Scalar]] = []
    failed: list[Unmappable] = []
    for mapped, value in fields:
        part = mapped.form.part
        if part is not None:
            parts.setdefault(mapped.vendor_name, {})[part] = (mapped, value)
        elif mapped.type is FieldType.PHONE and isinstance(value, str):
            held.append((mapped, styled_phone(value, mapped.form)))
        else:
            held.append((mapped, value))
    for each in parts.values():
        try:
            held.append(_whole(each))
        except Unmappable as error:
            failed.append(error)
    return held, failed


def _whole(parts: dict[NamePart, tuple[MappedField, Scalar]]) -> tuple[MappedField, Scalar]:
    mapped = next(iter(parts.values()))[0]
    if len(parts) < len(NamePart):
        raise Unmappable(
            mapped.name, f"{mapped.vendor_name} holds the whole name, of which a part isn't known"
        )
    name = Name(*(_text_or_none(parts[each][1]) for each in (NamePart.LAST, NamePart.FIRST)))
    joined = join(name, mapped.form.order)
    if split(joined or "", mapped.form.order) != name:
        detail = f"the name would be read back from {mapped.vendor_name} with other parts"
        raise Unmappable(mapped.name, detail)
    return mapped, joined


def _text_or_none(value: Scalar) -> str | None:
    return str(value).strip() or None if value is not None else None


def split(text: str, order: NameOrder) -> Name:
    """
    Return the parts of a whole name.

    Japanese: the last name up to the first blank. Western: the last name from the last blank on. A name without
    a blank is a last name.
    """
    words = text.split()
    if len(words) < 2:  # noqa: PLR2004 -- nothing to split
        return Name(words[0] if words else None, None)
    if order is NameOrder.JAPANESE:
        return Name(words[0], " ".join(words[1:]))
    return Name(words[-1], " ".join(words[:-1]))


def join(name: Name, order: NameOrder) -> str | None:
    """Return the whole name, its parts apart by a blank; None of nobody."""
    parts = name if order is NameOrder.JAPANESE else (name.first, name.last)
    return " ".join(each for each in parts if each) or None


def same_width(text: str) -> str:
    """Return *text* with Latin signs of half and kana of full width (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", text)


def phone(text: str, region: str) -> str:
    """
    Return a telephone number as ``+81312345678``, an extension after ``;ext=``; what is none as it is.

    Args:
        text: As somebody typed it.
        region: The country of a number that names none.
    """
    plain = _DASHES.sub("-", same_width(text)).strip()
    try:
        number = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        return text
    if not phonenumbers.is_possible_number(number):
        return text
    return _canonical_phone(number)


def _canonical_phone(number: PhoneNumber) -> str:
    plain = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return f"{plain};ext={number.extension}" if number.extension else plain


def styled_phone(text: str, form: Form) -> str:
    """Return a number from `phone` in the style of *form*, or as it is where it would be read back as another."""
    try:
        number = phonenumbers.parse(text, form.region)
    except phonenumbers.NumberParseException:
        return text
    style = _STYLES[form.phone]
    home = phonenumbers.country_code_for_region(form.region)
    if form.phone is PhoneStyle.NATIONAL and number.country_code != home:
        style = PhoneNumberFormat.INTERNATIONAL
    written = phonenumbers.format_number(number, style)
    if style is PhoneNumberFormat.E164 and number.extension:
        written = text
    return written if phone(written, form.region) == text else text


def midnight(day: date, time_zone: str) -> int:
    """Return the instant, epoch ms, with which *day* begins in *time_zone* (IANA)."""
    return (datetime.combine(day, time(), ZoneInfo(time_zone)) - _EPOCH) // timedelta(milliseconds=1)


def day_of_instant(at: int, time_zone: str) -> str:
    """Return the day, ``YYYY-MM-DD``, on which *at*, epoch ms, falls in *time_zone*. Raises OverflowError."""
    return (_EPOCH + timedelta(milliseconds=at)).astimezone(ZoneInfo(time_zone)).date().isoformat()
