"""
The AsyncAPI 3.0 document: which topics there are, how they are keyed and kept, and which events are on them.

Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0
Source: https://www.asyncapi.com/docs/reference/bindings/kafka (version 0.5.0)
"""

from typing import Any

from schemas.json_schema import Json, topic_schemas
from schemas.topics import TOPICS, Topic

LANGUAGE_VERSION = "1.0.0"
"""The published language's own version. Additions raise the minor number; what breaks is a new event type."""

MEDIA_TYPE = "application/cloudevents+json"
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
BINDING_VERSION = "0.5.0"
KEPT_FOR_EVER = -1

_DESCRIPTION = """\
The events that tasuki puts on its log: CloudEvents 1.0 in structured JSON, one JSON Schema each.

A reader ignores fields it does not know and keeps them if it writes the event again. An event of a type it \
does not know goes to its dead letters. A record may come twice: the same `source` and `id` is the same event. \
The number of partitions is fixed when a deployment is made (24 unless it says otherwise), so it is told here \
only of topics that always have the same. On one machine the same topics live in an embedded log instead of Kafka."""


def asyncapi() -> Json:
    """Return the document. JSON Schemas are referred to relative to it, in ``json/``."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:tasuki:log",
        "info": {
            "title": "tasuki",
            "version": LANGUAGE_VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": MEDIA_TYPE,
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {f"send.{topic.name}": _operation(topic) for topic in TOPICS},
        "components": {"messages": _messages()},
    }


def _channel(topic: Topic) -> Json:
    return {
        "address": topic.name,
        "title": topic.title,
        "description": f"Keyed by {topic.key}. {_kept(topic)}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in topic_schemas(topic)},
        "bindings": {"kafka": _binding(topic)},
    }


def _kept(topic: Topic) -> str:
    if topic.compacted:
        return "Compacted: the last record of each key is kept."
    if topic.retention_ms is None:
        return "Kept for ever: state can be built anew from it."
    return f"Kept for {topic.retention_ms} ms."


def _binding(topic: Topic) -> Json:
    retention_ms = KEPT_FOR_EVER if topic.retention_ms is None else topic.retention_ms
    fixed = {} if topic.partitions is None else {"partitions": topic.partitions}
    return {
        "topic": topic.name,
        **fixed,
        "topicConfiguration": {
            "cleanup.policy": ["compact" if topic.compacted else "delete"],
            "retention.ms": retention_ms,
        },
        "bindingVersion": BINDING_VERSION,
    }


def _operation(topic: Topic) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"{topic.title}.",
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in topic_schemas(topic)],
    }


def _messages() -> Json:
    return {
        name: _message(topic, name, schema)
        for topic in TOPICS
        for name, schema in topic_schemas(topic).items()
    }


def _message(topic: Topic, name: str, schema: Json) -> Json:
    key: dict[str, Any] = {"type": "string", "description": topic.key}
    return {
        "name": name,
        "title": schema["title"],
        "summary": schema["description"],
        "contentType": MEDIA_TYPE,
        "payload": {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"json/{name}.json"}},
        "bindings": {"kafka": {"key": key, "bindingVersion": BINDING_VERSION}},
    }
