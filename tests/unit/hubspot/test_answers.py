"""What HubSpot's answer to a batch says about each record."""

from typing import Any

import pytest

from services.sync.adapters.hubspot.answers import Elsewhere, Taken, outcomes
from services.sync.adapters.hubspot.client import Answer
from services.sync.application.ports import BatchRefused
from services.sync.domain.records import Deferred, Refused

SENT: dict[str, dict[str, Any]] = {
    "L1": {"id": "101", "objectWriteTraceId": "L1", "properties": {}},
    "L2": {"id": "102", "objectWriteTraceId": "L2", "properties": {}},
}
NAMES = {"email": "e_mail"}


def told(results: list[dict[str, Any]], *errors: dict[str, Any]) -> Answer:
    """Return an answer."""
    return Answer(207, {"results": results, "errors": list(errors)})


def test_records_are_known_by_trace_id_by_id_and_by_their_own_property() -> None:
    """An answer that leaves the trace id out still names the record."""
    fresh: dict[str, Any] = {"id": "L3", "idProperty": "tasuki_id", "properties": {}}
    sent = SENT | {"L3": fresh}
    found = outcomes(
        told(
            [
                {"id": "900", "objectWriteTraceId": "L1", "properties": {}},
                {"id": "102", "properties": {}},
                {"id": "103", "properties": {"tasuki_id": "L3"}, "new": True},
            ]
        ),
        sent,
        NAMES,
    )
    refs = {trace: each.result for trace, each in found.items() if isinstance(each, Taken)}
    assert {trace: each.ref.id for trace, each in refs.items()} == {"L1": "900", "L2": "102", "L3": "103"}
    assert [each.created for each in refs.values()] == [False, False, True]


@pytest.mark.parametrize("context", [{"objectWriteTraceId": ["L2"]}, {"ids": ["102"]}, {"id": "102"}, {}])
def test_an_error_finds_its_record(context: dict[str, Any]) -> None:
    """By trace id, by the record's id, or because only one record is left."""
    error = {
        "category": "VALIDATION_ERROR",
        "message": "no",
        "context": context,
        "errors": [{"message": "no", "code": "INVALID_EMAIL", "context": {"propertyName": ["email"]}}],
    }
    found = outcomes(told([{"id": "101", "objectWriteTraceId": "L1"}], error), SENT, NAMES)
    assert found["L2"] == Refused(code="INVALID_EMAIL", detail="no", fields=("e_mail",))


def test_a_property_named_beside_the_details_counts_too() -> None:
    """HubSpot names properties in the error's own context as well."""
    error = {
        "category": "VALIDATION_ERROR",
        "message": "no",
        "context": {"objectWriteTraceId": ["L2"], "propertyName": ["email", "theirs"]},
    }
    found = outcomes(told([{"id": "101", "objectWriteTraceId": "L1"}], error), SENT, NAMES)
    assert found["L2"] == Refused(code="VALIDATION_ERROR", detail="no", fields=("e_mail",))


def test_an_error_that_may_mean_several_records_refuses_the_batch() -> None:
    """Nobody is blamed by guess."""
    with pytest.raises(BatchRefused):
        outcomes(told([], {"category": "VALIDATION_ERROR", "message": "no"}), SENT, NAMES)


def test_silence_about_a_record_is_no_confirmation() -> None:
    """A record that the answer leaves out may be sent again."""
    found = outcomes(told([{"id": "101", "objectWriteTraceId": "L1"}]), SENT, NAMES)
    assert isinstance(found["L2"], Deferred)


def test_a_conflict_names_the_contact_that_has_the_address() -> None:
    """And one that names nobody is a refusal."""
    conflict = {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 555"}
    first = conflict | {"context": {"ids": ["101"]}}
    second = {"category": "CONFLICT", "message": "conflict", "context": {"ids": ["102"]}}
    found = outcomes(told([], first, second), SENT, NAMES)
    assert found["L1"] == Elsewhere("555")
    assert isinstance(found["L2"], Refused)
