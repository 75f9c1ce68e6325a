"""
The bitmaps in a change event's header: which fields of its Avro schema changed.

``["0x16", "2-0x06"]``: the first names top-level fields, bit i standing for the i-th field of the schema;
``2-0x06`` names fields within the record that is the schema's field 2.

Source: https://developer.salesforce.com/docs/platform/pub-sub-api/guide/event-deserialization-considerations.html
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

Schema: TypeAlias = Mapping[str, Any]
"""An Avro record schema, as parsed from its JSON."""


_BITMAP = re.compile(r"0x[0-9A-Fa-f]+")


def api_name(parent: str, child: str) -> str:
    """
    Return the API name of the field that a change event nests in a compound one.

    ``Name.LastName`` is LastName; ``Address.City`` of a lead is City; ``MailingAddress.City`` of a contact
    is MailingCity.
    """
    if parent.endswith("Address"):
        return parent.removesuffix("Address") + child
    return child


def children(field: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the fields nested in *field*; none if it is not compound."""
    kinds: Any = field["type"]
    for kind in cast("list[Any]", kinds) if isinstance(kinds, list) else [kinds]:
        if isinstance(kind, Mapping) and cast("Mapping[str, Any]", kind).get("type") == "record":
            return cast("Sequence[Mapping[str, Any]]", kind["fields"])
    return ()


def decode(schema: Schema, bitmaps: Iterable[str]) -> list[str]:
    """
    Return the API names that *bitmaps* name. A compound field as a whole stands for all its parts.

    Raises ValueError for text that is no bitmap and for positions that the schema does not have.
    """
    fields = cast("Sequence[Mapping[str, Any]]", schema["fields"])
    names: dict[str, None] = {}
    for bitmap in bitmaps:
        position, separator, nested = bitmap.partition("-")
        if separator:
            parent = fields[_position(position, len(fields))]
            inner = children(parent)
            for bit in _bits(nested, len(inner)):
                names[api_name(parent["name"], inner[bit]["name"])] = None
            continue
        for bit in _bits(bitmap, len(fields)):
            inner = children(fields[bit])
            for each in inner:
                names[api_name(fields[bit]["name"], each["name"])] = None
            if not inner:
                names[fields[bit]["name"]] = None
    return list(names)


def encode(schema: Schema, names: Collection[str]) -> list[str]:
    """Return the bitmaps for the API *names*; names that the schema does not have are left out."""
    top = 0
    nested: list[str] = []
    for position, field in enumerate(cast("Sequence[Mapping[str, Any]]", schema["fields"])):
        inner = children(field)
        bits = sum(1 << at for at, each in enumerate(inner) if api_name(field["name"], each["name"]) in names)
        if bits:
            nested.append(f"{position}-{_hex(bits)}")
        elif not inner and field["name"] in names:
            top |= 1 << position
    return ([_hex(top)] if top else []) + nested


def _hex(bits: int) -> str:
    digits = f"{bits:X}"
    return "0x" + digits.zfill(len(digits) + len(digits) % 2)


def _position(text: str, count: int) -> int:
    if not text.isdecimal() or int(text) >= count:
        raise ValueError(f"{text!r} is no position in a schema of {count} fields")
    return int(text)


def _bits(text: str, count: int) -> list[int]:
    if _BITMAP.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a bitmap")
    number = int(text, 16)
    if number.bit_length() > count:
        raise ValueError(f"{text!r} names fields beyond the schema's {count}")
    return [bit for bit in range(number.bit_length()) if number >> bit & 1]
