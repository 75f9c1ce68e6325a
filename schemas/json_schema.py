"""
One JSON Schema (draft 2020-12) for each event type: what a record on a topic satisfies, whenever it was written.

A field that came later has a default and so isn't required: older records lack it. Fields that are not named
are allowed everywhere, for a younger version may write them.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias, cast

from pydantic.json_schema import GenerateJsonSchema

from schemas.topics import TOPICS, Topic

Json: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

# What every writer puts in although the models have a default: CloudEvents demands them.
# Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#required-attributes
_ALWAYS_WRITTEN = ("specversion", "type")
_FORMATS = {"source": "uri-reference", "time": "date-time"}


class _Schema(GenerateJsonSchema):
    """Pydantic's generator without a title for each field, which only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


def event_schemas() -> dict[str, Json]:
    """Return the JSON Schema of each event type by its type, topic by topic."""
    return {name: schema for topic in TOPICS for name, schema in topic_schemas(topic).items()}


def topic_schemas(topic: Topic) -> dict[str, Json]:
    """Return the JSON Schemas of the event types on *topic* by type, in the order of their names."""
    whole = topic.events.json_schema(schema_generator=_Schema, mode="validation")
    definitions: Json = whole.pop("$defs", {})
    mapping: dict[str, str] | None = whole.get("discriminator", {}).get("mapping")
    if mapping is None:
        return {_type_of(whole): _event(whole, definitions)}
    return {name: _event(definitions[_name(ref)], definitions) for name, ref in sorted(mapping.items())}


def _type_of(schema: Json) -> str:
    return cast("str", schema["properties"]["type"]["const"])


def _event(schema: Json, definitions: Json) -> Json:
    event = _type_of(schema)
    properties: Json = {
        name: each | {"format": _FORMATS[name]} if name in _FORMATS else each
        for name, each in schema["properties"].items()
    }
    needed = sorted(_reached(schema, definitions))
    head: Json = {"$schema": DIALECT, "$id": f"urn:tasuki:event:{event}"}
    required = [name for name in properties if name in _ALWAYS_WRITTEN or name in schema["required"]]
    body = schema | {"properties": properties, "required": required}
    return head | body | {"$defs": {name: definitions[name] for name in needed}}


def _reached(schema: Any, definitions: Json) -> set[str]:
    """Return the names of the definitions that *schema* refers to, directly or through others."""
    reached: set[str] = set()
    waiting = set(_references(schema))
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= set(_references(definitions[name])) - reached
    return reached


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in cast("Json", node).items():
            if key == "$ref":
                yield _name(value)
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for value in cast("list[Any]", node):
            yield from _references(value)


def _name(ref: str) -> str:
    return ref.rpartition("/")[2]
