"""
The envelope keeps to CloudEvents 1.0 in structured JSON.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md
"""

import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.decisions import AUDIT_ENTRY
from schemas.envelope import Envelope
from schemas.instants import rfc3339
from schemas.json_schema import event_schemas
from schemas.lead import LEAD_CHANGE, LeadChange
from schemas.lifecycle import LIFECYCLE_FACT
from services.sync.application.decide import Decide
from services.sync.domain.lead import Lead
from services.sync.domain.rules import FieldRule, Policy, Rules
from services.sync.domain.score_rules import AttributeRule, Operator, Scoring
from tests.firm import as_published

SAMPLES = sorted((Path(__file__).parent / "schema_samples").glob("v*/*.json"))
SCHEMAS = event_schemas()

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
ATTRIBUTE = re.compile(r"[a-z0-9]{1,20}")
REQUIRED = ("id", "source", "specversion", "type")


@pytest.mark.parametrize("event", SCHEMAS)
def test_the_required_attributes_are_required_and_not_empty(event: str) -> None:
    """Required attributes: id, source, specversion, type."""
    schema = SCHEMAS[event]
    for name in REQUIRED:
        assert name in schema["required"]
        assert schema["properties"][name].get("minLength", 0) >= 1 or "const" in schema["properties"][name]
    assert schema["properties"]["specversion"]["const"] == "1.0"


@pytest.mark.parametrize("event", SCHEMAS)
def test_attributes_are_named_in_lower_case_letters_and_digits(event: str) -> None:
    """Extensions too, of which `traceparent` is one; `data` is no attribute."""
    names = set(SCHEMAS[event]["properties"]) - {"data"}
    assert "traceparent" in names
    assert [name for name in names if not ATTRIBUTE.fullmatch(name)] == []


@pytest.mark.parametrize("event", SCHEMAS)
def test_the_data_is_json_and_says_so(event: str) -> None:
    """The content type is JSON's, and the data is a JSON value, not text or base64 of one."""
    properties = SCHEMAS[event]["properties"]
    assert properties["datacontenttype"]["const"] == "application/json"
    assert SCHEMAS[event]["$defs"][properties["data"]["$ref"].rpartition("/")[2]]["type"] == "object"
    assert "data_base64" not in properties


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_times_and_traces_of_samples_are_in_their_forms(path: Path) -> None:
    """RFC 3339 with a zone, and W3C's trace parent or nothing."""
    event: Any = json.loads(path.read_text(encoding="utf-8"))
    assert RFC3339.fullmatch(event["time"])
    trace = event.get("traceparent")
    assert trace is None or TRACEPARENT.fullmatch(trace)


@pytest.mark.parametrize("instant", [-62_135_596_800_000, -1, 0, 1, 1_793_578_351_007, 253_402_300_799_999])
def test_what_we_write_as_time_is_rfc3339_to_the_millisecond(instant: int) -> None:
    """From the year 1 to 9999, and back to the same instant."""
    text = rfc3339(instant)
    assert RFC3339.fullmatch(text)
    moment = datetime.fromisoformat(text)
    epoch = datetime.fromisoformat("1970-01-01T00:00:00Z")
    passed = moment - epoch
    assert (passed.days * 86_400 + passed.seconds) * 1000 + passed.microseconds // 1000 == instant


def test_no_two_samples_share_source_and_id() -> None:
    """Source and id together name one event."""
    events = [json.loads(path.read_text(encoding="utf-8")) for path in SAMPLES]
    assert max(Counter((each["source"], each["id"]) for each in events).values()) == 1


RULES = Rules(
    fields={name: FieldRule(name=name, policy=Policy.LATEST) for name in ("last_name", "company", "score")},
    scoring=Scoring(
        threshold=50,
        attributes=(
            AttributeRule(
                field="company",
                operator=Operator.CONTAINS,
                operands=("製作所",),
                points=60,
                label="manufacturer",
                label_ja="製造業",
            ),
        ),
    ),
)


AWAY = ("--erased", "merged-into.v1", "taken-over.v1", "forgotten.v1")


def history() -> list[LeadChange]:
    """Return what happens to one lead: the samples of its topic but its erasure and its moves, and a conflict."""
    lead_id = "01a19999-b998-7c33-90a5-18fd2bbbc228"
    of_leads = [path for path in SAMPLES if ".lead." in path.stem and not path.stem.endswith(AWAY)]
    events: list[Any] = [json.loads(path.read_text(encoding="utf-8")) for path in of_leads]
    conflict = json.loads(json.dumps(next(e for e in events if e["data"].get("fields"))))
    conflict["data"] |= {"side": "sfa", "ref": {"system": "salesforce", "object": "Lead", "id": "00Q"}}
    for each in conflict["data"]["fields"]:
        each |= {"value": "鈴木", "changed_at": each["changed_at"] + 1}
    return [LEAD_CHANGE.validate_python(each | {"subject": lead_id}) for each in (*events, conflict)]


def told() -> list[Envelope]:
    """Return everything that is told of that history."""
    decide, lead = Decide(RULES), Lead("01a19999-b998-7c33-90a5-18fd2bbbc228")
    outcomes = [
        decide.apply(lead, event, f"tasuki.lead-changes.v1:3:{offset}")
        for offset, event in enumerate(history())
    ]
    return [
        event
        for each in outcomes
        for event in (
            *(as_published(fact, LIFECYCLE_FACT) for fact in each.facts),
            *(as_published(decision, AUDIT_ENTRY) for decision in each.decisions),
            *each.dead_letters,
        )
    ]


def test_no_two_events_that_are_told_share_source_and_id() -> None:
    """Facts, decisions and dead letters of many changes, several of one change among them."""
    events = told()
    assert {type(each).__name__ for each in events} >= {
        "ScoreChanged",
        "MilestoneReached",
        "FieldsDecided",
        "DeadLettered",
    }
    assert max(Counter((each.source, each.id) for each in events).values()) == 1


def test_a_change_that_is_decided_again_tells_the_same_events() -> None:
    """A repeated source and id is the same event, to the byte."""
    assert [each.model_dump_json() for each in told()] == [each.model_dump_json() for each in told()]
