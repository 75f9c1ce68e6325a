"""How a column of a vendor's holds a value where that isn't the canonical way, as data."""

from dataclasses import dataclass
from enum import StrEnum


class PhoneStyle(StrEnum):
    """How a telephone number is written."""

    NATIONAL = "national"  # 03-1234-5678; numbers of other countries are written the international way
    INTERNATIONAL = "international"  # +81 3-1234-5678
    E164 = "e164"  # +81312345678


class NamePart(StrEnum):
    """Which part of a person's name."""

    LAST = "last"  # 姓
    FIRST = "first"  # 名


class NameOrder(StrEnum):
    """In which order a column that holds the whole name has the parts."""

    JAPANESE = "japanese"  # 山田 太郎
    WESTERN = "western"  # Taro Yamada


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """
    What is special about a column.

    Args:
        same_width: Signs of full and of half width are the same: ``ＡＢＣ`` is ``ABC``, ``ｱ`` is ``ア``.
        phone: How telephone numbers are written there.
        region: The country (ISO 3166) of telephone numbers that name none.
        part: The column holds a whole name, of which the field is this part.
        order: Of that name.
        as_instant: A day is kept as the midnight with which it begins in the firm's time zone.
    """

    same_width: bool = False
    phone: PhoneStyle = PhoneStyle.NATIONAL
    region: str = "JP"
    part: NamePart | None = None
    order: NameOrder = NameOrder.JAPANESE
    as_instant: bool = False


PLAIN = Form()
