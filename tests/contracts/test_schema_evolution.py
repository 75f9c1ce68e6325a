"""Published schemas only grow: the comparison knows what breaks, and nothing published since breaks."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from schemas.evolution import breaks
from schemas.export import PUBLISHED, broken
from schemas.json_schema import event_schemas

OBSERVED = event_schemas()["tasuki.lead.observed.v1"]
PARTS = OBSERVED["$defs"]

Edit = Callable[[Any], object]


def edited(edit: Edit) -> Any:
    """Return a copy of the schema of an observation after *edit*."""
    schema = deepcopy(OBSERVED)
    edit(schema)
    return schema


def fields(schema: Any, part: str = "Observed") -> Any:
    """Return the fields of one part of *schema*."""
    return schema["$defs"][part]["properties"]


def test_nothing_breaks_with_what_was_first_published() -> None:
    """Every committed baseline is read by the present models."""
    assert list(broken(PUBLISHED)) == []


def test_a_schema_does_not_break_with_itself() -> None:
    """All event types."""
    for schema in event_schemas().values():
        assert breaks(schema, json.loads(json.dumps(schema))) == []


ADDITIONS: dict[str, Edit] = {
    "a field with a default": lambda s: fields(s).update(region={"type": "string", "default": ""}),
    "another text": lambda s: s["$defs"]["Observed"].update(description="New words."),
    "a value of an enumeration": lambda s: fields(s)["kind"]["enum"].append("campaign"),
    "a kind of value": lambda s: fields(s)["external_id"]["anyOf"].append({"type": "integer"}),
    "an integer that may be a number": lambda s: fields(s)["observed_at"].update(type="number"),
    "a looser bound": lambda s: fields(s, "Ref")["id"].pop("minLength"),
    "a wider range": lambda s: fields(s)["observed_at"].update(minimum=-(10**18)),
    "a part of another name": lambda s: (
        s.update(json.loads(json.dumps(s).replace("/Ref", "/Reference")))
        or s["$defs"].update(Reference=s["$defs"].pop("Ref"))
    ),
}


@pytest.mark.parametrize("name", ADDITIONS)
def test_additions_do_not_break(name: str) -> None:
    """What old records and old readers don't notice."""
    assert breaks(OBSERVED, edited(ADDITIONS[name])) == []


BREAKS: dict[str, tuple[Edit, str]] = {
    "a field removed": (lambda s: fields(s).pop("deleted"), "$.data.deleted: the field is gone"),
    "a nested field removed": (
        lambda s: fields(s, "Change").pop("own"),
        "$.data.fields[].own: the field is gone",
    ),
    "a field of the envelope removed": (
        lambda s: s["properties"].pop("traceparent"),
        "$.traceparent: the field is gone",
    ),
    "a new required field": (
        lambda s: (
            fields(s).update(region={"type": "string"}),
            s["$defs"]["Observed"]["required"].append("region"),
        ),
        "$.data.region: is required, was not",
    ),
    "a field that became required": (
        lambda s: s["$defs"]["Observed"]["required"].append("fields"),
        "$.data.fields: is required, was not",
    ),
    "a field no longer promised": (
        lambda s: s["$defs"]["Ref"]["required"].remove("id"),
        "$.data.ref.id: was required, is not",
    ),
    "another type": (
        lambda s: fields(s)["observed_at"].update(type="string"),
        "$.data.observed_at: was integer, is string",
    ),
    "a number that must be an integer": (
        lambda s: fields(s, "Change")["value"]["anyOf"].remove({"type": "number"}),
        "$.data.fields[].value: number is no longer taken",
    ),
    "no null": (
        lambda s: fields(s).update(external_id={"type": "string", "default": None}),
        "$.data.external_id: was null, is string",
    ),
    "a value of an enumeration removed": (
        lambda s: fields(s)["kind"]["enum"].remove("company"),
        "$.data.kind: 'company' is no longer taken",
    ),
    "a text that became an enumeration": (
        lambda s: fields(s, "Ref")["system"].update(enum=["hubspot"]),
        "$.data.ref.system: took any value, takes only 'hubspot'",
    ),
    "another constant": (
        lambda s: s["properties"]["type"].update(const="tasuki.lead.observed.v2"),
        "$.type: 'tasuki.lead.observed.v1' is no longer taken",
    ),
    "a tighter bound": (
        lambda s: fields(s, "Ref")["id"].update(minLength=3),
        "$.data.ref.id: minLength was 1, is 3",
    ),
    "a new bound": (
        lambda s: fields(s, "Ref")["id"].update(maxLength=9),
        "$.data.ref.id: maxLength was None, is 9",
    ),
    "a narrower range": (
        lambda s: fields(s)["observed_at"].update(minimum=0),
        "$.data.observed_at: minimum was -62135596800000, is 0",
    ),
    "a pattern": (
        lambda s: s["properties"]["id"].update(pattern="^x"),
        "$.id: pattern was None, is '^x'",
    ),
    "another default": (
        lambda s: fields(s)["deleted"].update(default=True),
        "$.data.deleted: the default was False and is True",
    ),
    "a default of another type": (
        lambda s: fields(s)["deleted"].update(default=0),
        "$.data.deleted: the default was False and is 0",
    ),
    "no unnamed fields": (
        lambda s: s["$defs"]["Ref"].update(additionalProperties=False),
        "$.data.ref: fields that are not named are no longer taken",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks_is_told_with_its_place(name: str) -> None:
    """Each change that an old record or an old reader would notice."""
    edit, told = BREAKS[name]
    assert told in breaks(OBSERVED, edited(edit))


def test_the_values_of_a_map_may_not_narrow() -> None:
    """Fields by name, times by name: the type of their values is published too."""
    earlier = event_schemas()["tasuki.lead.write-settled.v1"]
    later = deepcopy(earlier)
    later["$defs"]["WriteSettled"]["properties"]["over"]["additionalProperties"] = {"type": "string"}
    assert breaks(earlier, later) == ["$.data.over.*: was integer, is string"]
    later["$defs"]["WriteSettled"]["properties"]["over"]["additionalProperties"] = False
    assert breaks(earlier, later) == ["$.data.over: fields that are not named are no longer taken"]


def test_a_type_that_is_gone_is_told(tmp_path: Any) -> None:
    """Records of it are on the topic for as long as the topic keeps them."""
    (tmp_path / "baseline").mkdir()
    (tmp_path / "baseline" / "tasuki.lead.gone.v1.json").write_text("{}", encoding="utf-8")
    assert list(broken(tmp_path)) == [
        "tasuki.lead.gone.v1: the event type is gone; records of it are still on the topic"
    ]
