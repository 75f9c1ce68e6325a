"""
Records that were written once are read for ever, and what a reader doesn't know survives it.

`schema_samples/v<date>/<type>[--<what>].json` are records as they were written on that date. They are never
edited: a change of the models that they don't survive is a breaking one. A later form gets a new folder.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from schemas.envelope import Envelope
from schemas.json_schema import event_schemas, topic_schemas
from schemas.reading import Unreadable, read
from schemas.topics import INBOX, LEAD_CHANGES, TOPICS, Topic
from services.sync.consumers.emissions import emission

SCHEMAS = event_schemas()
TOPIC_OF = {event: topic for topic in TOPICS for event in topic_schemas(topic)}
SAMPLES = sorted((Path(__file__).parent / "schema_samples").glob("v*/*.json"))

MAPS = {"fields", "offsets", "over", "reasons", "segments", "values"}
"""What is keyed by the firm's own names; a field that isn't named there would be a value like the others."""


def identify(path: Path) -> str:
    """Return the name of a sample in the output of the tests."""
    return f"{path.parent.name}/{path.stem}"


def loaded(path: Path) -> Any:
    """Return a sample as JSON."""
    return json.loads(path.read_text(encoding="utf-8"))


def topic_of(path: Path) -> Topic:
    """Return the topic that a sample's type is on."""
    return TOPIC_OF[path.stem.partition("--")[0]]


def written(event: Envelope) -> Any:
    """Return *event* as it would be written, as JSON."""
    return json.loads(event.model_dump_json())


def holds(kept: Any, original: Any) -> bool:
    """Return whether *kept* has everything of *original*, to the type; it may have more fields (defaults)."""
    if isinstance(original, dict):
        items = cast("dict[str, Any]", original).items()
        return isinstance(kept, dict) and all(key in kept and holds(kept[key], value) for key, value in items)
    if isinstance(original, list):
        values = cast("list[Any]", original)
        return (
            isinstance(kept, list)
            and len(cast("list[Any]", kept)) == len(values)
            and all(map(holds, cast("list[Any]", kept), values))
        )
    return type(kept) is type(original) and kept == original


def objects(node: Any, name: str = "") -> Iterator[dict[str, Any]]:
    """Yield every object in *node* whose fields are named by a schema."""
    if isinstance(node, dict):
        named = cast("dict[str, Any]", node)
        if name not in MAPS:
            yield named
        for key, value in named.items():
            yield from objects(value, key)
    elif isinstance(node, list):
        for value in cast("list[Any]", node):
            yield from objects(value)


def test_each_event_type_has_a_sample() -> None:
    """A type without one could be broken without a test that fails."""
    assert {path.stem.partition("--")[0] for path in SAMPLES} == set(SCHEMAS)


@pytest.mark.parametrize("path", SAMPLES, ids=identify)
def test_each_sample_is_read_and_written_without_loss(path: Path) -> None:
    """Every value comes back with its type: text with its width, integers, numbers, truth, null."""
    event = read(topic_of(path), path.read_bytes())
    assert holds(written(event), loaded(path))


@pytest.mark.parametrize("path", SAMPLES, ids=identify)
def test_each_sample_is_as_published(path: Path) -> None:
    """The published schema takes what is on the topic, and what is written again after reading."""
    validator = Draft202012Validator(SCHEMAS[loaded(path)["type"]])
    validator.validate(loaded(path))
    validator.validate(written(read(topic_of(path), path.read_bytes())))


@pytest.mark.parametrize("path", SAMPLES, ids=identify)
def test_unknown_fields_survive_reading_and_writing(path: Path) -> None:
    """In the envelope, in the data and in every part of it: a younger version's fields aren't ours to drop."""
    record = loaded(path)
    record["futureext"] = "次"
    parts = list(objects(record["data"]))
    for part in parts:
        part["x_future"] = {"値": [1, 1.0, True, None, "新", {"深": "い"}]}

    event = read(topic_of(path), json.dumps(record).encode())

    assert holds(written(event), record)
    assert json.dumps(written(event), ensure_ascii=False).count("x_future") == len(parts)
    Draft202012Validator(SCHEMAS[record["type"]]).validate(record)


@pytest.mark.parametrize("path", SAMPLES, ids=identify)
def test_what_the_service_emits_is_as_published_and_loses_nothing(path: Path) -> None:
    """A value that is null is a value: somebody cleared the field, and the next reader must see it."""
    event = read(topic_of(path), path.read_bytes())
    value = emission(topic_of(path).name, event.subject, event, 1).record.value
    Draft202012Validator(SCHEMAS[loaded(path)["type"]]).validate(json.loads(value or b""))
    assert read(topic_of(path), value) == event


@pytest.mark.parametrize("path", SAMPLES, ids=identify)
def test_a_sample_with_a_promised_field_missing_is_refused(path: Path) -> None:
    """The models and the published schemas refuse alike, so the samples prove something."""
    for name in SCHEMAS[loaded(path)["type"]]["required"]:
        record = loaded(path)
        del record[name]
        assert not Draft202012Validator(SCHEMAS[loaded(path)["type"]]).is_valid(record)
        if name in {"id", "source", "subject", "time", "data"}:
            with pytest.raises(Unreadable) as caught:
                read(topic_of(path), json.dumps(record).encode())
            assert caught.value.reason == "bad-event"


def sample(event: str) -> Any:
    """Return the first sample of a type, to be changed."""
    return deepcopy(next(loaded(path) for path in SAMPLES if path.stem == event))


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_an_unknown_event_type_is_told_by_name(topic: Topic) -> None:
    """It goes to dead letters as `unknown-type`: mended by an upgrade and a replay, not by guessing."""
    record = sample("tasuki.lead.observed.v1") | {"type": "tasuki.lead.teleported.v9"}
    with pytest.raises(Unreadable, match=r"no event type 'tasuki\.lead\.teleported\.v9'") as caught:
        read(topic, json.dumps(record).encode())
    assert caught.value.reason == "unknown-type"
    assert topic.name in str(caught.value)


def test_an_event_of_another_topic_is_of_an_unknown_type() -> None:
    """A topic takes its own types only."""
    record = sample("tasuki.inbox.received.v1")
    with pytest.raises(Unreadable) as caught:
        read(LEAD_CHANGES, json.dumps(record).encode())
    assert caught.value.reason == "unknown-type"


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff\xfe", "日本".encode("shift_jis")])
def test_what_is_not_json_is_told_as_such(value: bytes | None) -> None:
    """A tombstone, an empty value, half a record, another encoding."""
    for topic in (INBOX, LEAD_CHANGES):
        with pytest.raises(Unreadable) as caught:
            read(topic, value)
        assert caught.value.reason == "not-json"


def test_the_error_names_places_but_quotes_no_value() -> None:
    """The text may be logged; what a person is called or where they live may not."""
    record = sample("tasuki.lead.observed.v1")
    for each in record["data"]["fields"]:
        each["changed_at"] = f"佐藤 花子 {each['name']}"
    with pytest.raises(Unreadable) as caught:
        read(LEAD_CHANGES, json.dumps(record).encode())
    assert "data.fields.0.changed_at: int_parsing" in str(caught.value)
    assert "and 4 more" in str(caught.value)
    assert "佐藤" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
