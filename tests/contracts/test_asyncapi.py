"""
The AsyncAPI document is well-formed by the rules of AsyncAPI 3.0 that it relies on, and says what the topics are.

The rules, each with its test below:
- `asyncapi`, `info.title` and `info.version` are required; other root fields come from a fixed list.
- A channel has an address and messages by id; keys are made of letters, digits, dots, dashes, underscores.
- References are local pointers or relative files, and lead somewhere.
- An operation has an action (send or receive) and a channel, and its messages are messages of that channel.
- A payload of another schema language names the language (`schemaFormat`) beside the schema.
- Kafka bindings carry their version; `cleanup.policy` is a list, `retention.ms` an integer from -1.

Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0
Source: https://www.asyncapi.com/docs/reference/bindings/kafka
"""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from schemas.asyncapi import asyncapi
from schemas.export import PUBLISHED
from schemas.json_schema import event_schemas
from schemas.topics import TOPICS

DOCUMENT = asyncapi()
CHANNELS = DOCUMENT["channels"]
ROOT_FIELDS = {
    "asyncapi",
    "id",
    "info",
    "servers",
    "defaultContentType",
    "channels",
    "operations",
    "components",
}
KEY = re.compile(r"^[\w.\-]+$", re.ASCII)


def references(node: Any) -> Iterator[str]:
    """Yield every `$ref` in *node*."""
    if isinstance(node, dict):
        for key, value in cast("dict[str, Any]", node).items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in cast("list[Any]", node):
            yield from references(value)


def resolve(ref: str) -> Any:
    """Return what *ref* leads to: a place in the document or a file beside it."""
    if not ref.startswith("#/"):
        return json.loads((PUBLISHED / ref).read_text(encoding="utf-8"))
    node: Any = DOCUMENT
    for part in ref[2:].split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def test_the_root_has_what_is_required_and_nothing_unknown() -> None:
    """Version, title and version of the language."""
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"]["title"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", DOCUMENT["info"]["version"])
    assert set(DOCUMENT) <= ROOT_FIELDS


def test_each_reference_leads_somewhere() -> None:
    """Local pointers and relative files alike."""
    found = list(references(DOCUMENT))
    assert found
    for ref in found:
        assert resolve(ref)


def test_the_channels_are_the_topics() -> None:
    """Each topic with its title, its key in words, and how long it is kept."""
    assert list(CHANNELS) == [topic.name for topic in TOPICS]
    for topic in TOPICS:
        channel = CHANNELS[topic.name]
        assert channel["address"] == topic.name
        assert channel["title"] == topic.title
        assert channel["description"].startswith(f"Keyed by {topic.key}.")


def test_the_kafka_bindings_say_how_a_topic_is_kept() -> None:
    """Compaction and retention as Kafka's settings; -1 is for ever."""
    for topic in TOPICS:
        binding = CHANNELS[topic.name]["bindings"]["kafka"]
        assert binding["bindingVersion"] == "0.5.0"
        assert binding["topic"] == topic.name
        assert binding["topicConfiguration"] == {
            "cleanup.policy": ["compact" if topic.compacted else "delete"],
            "retention.ms": -1 if topic.retention_ms is None else topic.retention_ms,
        }


def test_keys_are_of_the_allowed_characters() -> None:
    """Topic names and event types are used as keys, so they must do."""
    messages = DOCUMENT["components"]["messages"]
    for key in (*CHANNELS, *DOCUMENT["operations"], *messages):
        assert KEY.match(key)


def test_each_event_type_is_a_message_of_one_channel() -> None:
    """No type is missing, none is told twice, and the channel's id of a message is its type."""
    told = [name for channel in CHANNELS.values() for name in channel["messages"]]
    assert sorted(told) == sorted(event_schemas())
    for channel in CHANNELS.values():
        for name, reference in channel["messages"].items():
            assert resolve(reference["$ref"])["name"] == name


def test_each_message_carries_the_schema_of_its_type() -> None:
    """In JSON Schema 2020-12, named as such, and keyed by text."""
    for name, message in DOCUMENT["components"]["messages"].items():
        assert message["contentType"] == "application/cloudevents+json"
        assert message["payload"]["schemaFormat"] == "application/schema+json;version=draft-2020-12"
        assert resolve(message["payload"]["schema"]["$ref"]) == event_schemas()[name]
        assert message["bindings"]["kafka"]["key"]["type"] == "string"
        assert message["bindings"]["kafka"]["bindingVersion"] == "0.5.0"


def test_operations_send_the_messages_of_their_channel() -> None:
    """An operation's messages are a subset of its channel's, by reference to the channel."""
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in {"send", "receive"}
        channel = operation["channel"]["$ref"]
        assert resolve(channel)["address"] in CHANNELS
        assert all(each["$ref"].startswith(f"{channel}/messages/") for each in operation["messages"])
