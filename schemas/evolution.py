"""
What a JSON Schema may become without breaking anybody: additions only.

Each record that the earlier schema took, the later one takes, and each field that was promised stays promised.
So these break: a field removed, a type or an enumeration narrowed, a bound tightened or added, a field that
becomes required, a required one that no longer is, another default (old records would change their meaning).
Enumerations and types may widen: then the readers are brought up to date before the writers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.json_schema import Json

_NUMBERS = {"integer": {"integer", "number"}}
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_SAME = ("pattern", "format", "multipleOf", "uniqueItems")
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a schema, with the whole it stands in, for `$ref`."""

    schema: Json
    whole: Json

    def resolved(self) -> "Node":
        """Return the part itself where this one only refers to it."""
        schema = self.schema
        while "$ref" in schema:
            schema = self.whole["$defs"][schema["$ref"].rpartition("/")[2]]
        return Node(schema, self.whole)

    def part(self, schema: Json) -> "Node":
        """Return a part of this part."""
        return Node(schema, self.whole).resolved()

    def alternatives(self) -> list["Node"]:
        """Return the kinds of value it takes, one node each."""
        nodes = [
            self.part(each) for each in self.schema.get("anyOf", self.schema.get("oneOf", [self.schema]))
        ]
        return [
            each for node in nodes for each in (node.alternatives() if "anyOf" in node.schema else [node])
        ]


def breaks(earlier: Json, later: Json) -> list[str]:
    """Return how *later* breaks with *earlier*, a line each with the place; empty when it only adds."""
    return list(_compare(Node(earlier, earlier).resolved(), Node(later, later).resolved(), "$"))


def _compare(earlier: Node, later: Node, place: str) -> Iterator[str]:
    before, after = earlier.schema.get("default", _ABSENT), later.schema.get("default", _ABSENT)
    if before is not _ABSENT and (before != after or type(before) is not type(after)):
        yield f"{place}: the default was {before!r}" + ("" if after is _ABSENT else f" and is {after!r}")
    taken = later.alternatives()
    for each in earlier.alternatives():
        reasons = [list(_alternative(each, other, place)) for other in taken]
        if all(reasons):
            yield from _nearest(each, taken, reasons, place)


def _nearest(each: Node, taken: list[Node], reasons: list[list[str]], place: str) -> list[str]:
    """Of several kinds of value that don't take the earlier one, tell about those of its own type."""
    own = [
        found
        for other, found in zip(taken, reasons, strict=True)
        if other.schema.get("type") == each.schema.get("type")
    ]
    if own or len(reasons) == 1:
        return min(own or reasons, key=len)
    return [f"{place}: {each.schema.get('type', 'this kind of value')} is no longer taken"]


def _alternative(earlier: Node, later: Node, place: str) -> Iterator[str]:
    before, after = earlier.schema.get("type"), later.schema.get("type")
    if after is not None and after not in _NUMBERS.get(before or "", {before}):
        yield f"{place}: was {before or 'anything'}, is {after}"
        return
    yield from _values(earlier.schema, later.schema, place)
    yield from _bounds(earlier.schema, later.schema, place)
    if before == "object":
        yield from _object(earlier, later, place)
    if before == "array" and "items" in later.schema:
        items = earlier.schema.get("items", {})
        yield from _compare(earlier.part(items), later.part(later.schema["items"]), f"{place}[]")


def _values(earlier: Json, later: Json, place: str) -> Iterator[str]:
    """Enumerations and constants."""
    known = _enumerated(later)
    if known is None:
        return
    before = _enumerated(earlier)
    if before is None:
        yield f"{place}: took any value, takes only {', '.join(map(repr, known))}"
        return
    for lost in [each for each in before if each not in known]:
        yield f"{place}: {lost!r} is no longer taken"


def _enumerated(schema: Json) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _bounds(earlier: Json, later: Json, place: str) -> Iterator[str]:
    for name in (*_LOWER, *_UPPER):
        if name not in later:
            continue
        before, after = earlier.get(name), later[name]
        if before is None or (after > before if name in _LOWER else after < before):
            yield f"{place}: {name} was {before}, is {after}"
    for name in _SAME:
        if name in later and later[name] != earlier.get(name):
            yield f"{place}: {name} was {earlier.get(name)!r}, is {later[name]!r}"


def _object(earlier: Node, later: Node, place: str) -> Iterator[str]:
    before: Json = earlier.schema.get("properties", {})
    after: Json = later.schema.get("properties", {})
    for name, schema in before.items():
        if name not in after:
            yield f"{place}.{name}: the field is gone"
        else:
            yield from _compare_field(earlier, later, name, schema, place)
    was, now = set(earlier.schema.get("required", ())), set(later.schema.get("required", ()))
    for name in sorted(now - was):
        yield f"{place}.{name}: is required, was not"
    for name in sorted((was - now) & after.keys()):
        yield f"{place}.{name}: was required, is not"
    yield from _others(earlier, later, place)


def _compare_field(earlier: Node, later: Node, name: str, schema: Json, place: str) -> Iterator[str]:
    # Not resolved at once: a default may stand beside the reference.
    yield from _compare(
        Node(_beside(schema, earlier), earlier.whole),
        Node(_beside(later.schema["properties"][name], later), later.whole),
        f"{place}.{name}",
    )


def _beside(schema: Json, node: Node) -> Json:
    return node.part(schema).schema | {name: value for name, value in schema.items() if name != "$ref"}


def _others(earlier: Node, later: Node, place: str) -> Iterator[str]:
    """Fields that are not named."""
    before, after = (each.schema.get("additionalProperties", True) for each in (earlier, later))
    if after is True or before is False:
        return
    if after is False:
        yield f"{place}: fields that are not named are no longer taken"
    elif before is True:
        yield f"{place}: fields that are not named took anything, now less"
    else:
        yield from _compare(earlier.part(before), later.part(after), f"{place}.*")
