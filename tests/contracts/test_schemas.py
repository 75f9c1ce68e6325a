"""What is committed under `schemas/published` is what the models say, and it is well-formed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.export import PUBLISHED, differences, freeze, main, published, write
from schemas.json_schema import DIALECT, event_schemas
from schemas.topics import TOPICS
from services.sync.adapters.door.inbox_record import encode_received
from services.sync.domain.records import Notification, RecordRef

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = event_schemas()


def test_what_is_committed_is_what_the_models_say() -> None:
    """Whoever changes a model exports it in the same commit."""
    assert list(differences(PUBLISHED)) == []


def test_the_export_is_the_same_in_each_process() -> None:
    """Neither the seed of hashes nor the working folder shows in the files."""
    command = [sys.executable, "-m", "schemas.export", "--check"]
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        done = subprocess.run(  # noqa: S603 (our own command)
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a fresh export."""
    write(tmp_path)
    return tmp_path


def test_a_check_tells_each_difference_and_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A changed, a missing and a left-over file fail the check with a diff that names them."""
    changed, missing, left = (
        folder / "json" / f"{name}.json" for name in (*list(SCHEMAS)[:2], "tasuki.gone.v1")
    )
    text = changed.read_text(encoding="utf-8").replace('"minLength": 1', '"minLength": 2')
    changed.write_text(text, encoding="utf-8")
    missing.unlink()
    left.write_text("{}", encoding="utf-8")

    assert main(["--check"], folder) == 1

    told = capsys.readouterr().out
    assert f"--- committed/json/{changed.name}\n+++ generated/json/{changed.name}" in told
    assert '-      "minLength": 2,\n+      "minLength": 1,' in told
    assert f"+++ generated/json/{missing.name}" in told
    assert f"json/{left.name}: no event type is published there any more" in told
    assert "run `python -m schemas.export`" in told
    assert changed.read_text(encoding="utf-8") == text
    assert not missing.exists()


def test_writing_mends_what_a_check_told(folder: Path) -> None:
    """After an export the check is content, and files of types that are gone are gone."""
    for path in (folder / "json").iterdir():
        path.write_text("{}", encoding="utf-8")
    (folder / "json" / "tasuki.gone.v1.json").write_text("{}", encoding="utf-8")

    assert main([], folder) == 0

    assert main(["--check"], folder) == 0
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.json")} == set(published())


def test_a_frozen_schema_is_never_written_again(folder: Path) -> None:
    """Freezing adds types that have no baseline, and leaves the others as they were."""
    first, *others = SCHEMAS
    (folder / "baseline").mkdir()
    (folder / "baseline" / f"{first}.json").write_text('{"title": "as it was"}\n', encoding="utf-8")

    assert freeze(folder) == others

    assert json.loads((folder / "baseline" / f"{first}.json").read_text(encoding="utf-8")) == {
        "title": "as it was"
    }
    assert freeze(folder) == []


def test_each_event_type_is_frozen() -> None:
    """What is published once can be held against its first form."""
    frozen = {path.stem for path in (PUBLISHED / "baseline").glob("*.json")}
    assert frozen >= set(SCHEMAS), "run `python -m schemas.export --freeze`"


@pytest.mark.parametrize("event", SCHEMAS)
def test_each_schema_is_a_json_schema(event: str) -> None:
    """The metaschema takes it, and its identity is its event type."""
    schema = SCHEMAS[event]
    Draft202012Validator.check_schema(schema)
    assert (schema["$schema"], schema["$id"]) == (DIALECT, f"urn:tasuki:event:{event}")
    assert schema["properties"]["type"]["const"] == event


@pytest.mark.parametrize("event", SCHEMAS)
def test_each_schema_stands_alone(event: str) -> None:
    """It refers to nothing outside itself, carries nothing that it doesn't need, and says what each part is."""
    text = json.dumps(SCHEMAS[event])
    definitions = SCHEMAS[event]["$defs"]
    assert all(f'"#/$defs/{name}"' in text for name in definitions)
    assert text.count('"$ref"') == text.count('"#/$defs/')
    assert all(each.get("description") for each in (SCHEMAS[event], *definitions.values()))


@pytest.mark.parametrize("event", SCHEMAS)
def test_each_part_takes_fields_it_does_not_name(event: str) -> None:
    """A younger version may add fields anywhere; no published schema refuses them."""
    closed = [
        node["title"]
        for node in (SCHEMAS[event], *SCHEMAS[event]["$defs"].values())
        if node.get("additionalProperties", True) is False
    ]
    assert closed == []


def test_each_event_type_is_on_one_topic_and_carries_its_version() -> None:
    """A type names the version of its schema, so that a breaking one can stand beside it."""
    topics = [topic.events.json_schema() for topic in TOPICS]
    assert sum(len(each.get("oneOf", [each])) for each in topics) == len(SCHEMAS)
    for event in SCHEMAS:
        assert event.startswith("tasuki.")
        assert event.rpartition(".v")[2].isdigit()


def test_what_the_door_writes_without_a_model_is_as_published() -> None:
    """The hot path builds its event by hand; the schema holds it all the same."""
    notification = Notification(
        ref=RecordRef("kintone", "レコード", "7"),
        body='{"会社名": "髙﨑製作所"}',
        received_at=1_793_578_351_000,
    )
    for traceparent in (None, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
        event: Any = json.loads(encode_received(notification, traceparent))
        Draft202012Validator(SCHEMAS["tasuki.inbox.received.v1"]).validate(event)
