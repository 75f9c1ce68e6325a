"""What the vendor's answers mean."""

import json
from typing import Any

import httpx2
import pytest

from services.sync.adapters.salesforce.errors import CallRefused, record_error, response_error
from services.sync.application.ports import Forbidden, Throttled, Unauthorised, Unavailable
from services.sync.domain.records import Deferred, Refused


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", Throttled),
        (503, "REQUEST_LIMIT_EXCEEDED", Throttled),
        (429, "TOO_MANY", Throttled),
        (401, "INVALID_SESSION_ID", Unauthorised),
        (403, "API_DISABLED_FOR_ORG", Forbidden),
        (403, "SOMETHING_NEW", Forbidden),
        (401, "SOMETHING_NEW", Unauthorised),
        (400, "INSUFFICIENT_ACCESS", Forbidden),
        (400, "SOMETHING_NEW", CallRefused),
        (520, "SOMETHING_NEW", Unavailable),
        (500, "UNKNOWN_EXCEPTION", Unavailable),
        (503, "SERVER_UNAVAILABLE", Unavailable),
        (400, "UNABLE_TO_LOCK_ROW", Unavailable),
        (400, "INVALID_FIELD", CallRefused),
        (404, "NOT_FOUND", CallRefused),
        (414, "URI_TOO_LONG", CallRefused),
    ],
)
def test_answers_are_told_apart_by_what_happens_next(status: int, code: str, kind: type[Exception]) -> None:
    """Wait, repeat, call a person, or halve the batch."""
    error = response_error(httpx2.Response(status, json=[{"errorCode": code, "message": "text"}]))
    assert type(error) is kind
    assert code in str(error)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"7", b"[7]"])
@pytest.mark.parametrize("status", [400, 502])
def test_answers_that_are_no_error_bodies_are_understood(status: int, body: bytes) -> None:
    """Proxies answer with pages of their own."""
    error = response_error(httpx2.Response(status, content=body))
    assert isinstance(error, Unavailable if status == 502 else CallRefused)


def test_a_retry_after_is_believed() -> None:
    """Where the vendor says how long to wait."""
    error = response_error(httpx2.Response(503, headers={"retry-after": "7"}, content=b""))
    assert isinstance(error, Unavailable)
    assert error.retry_after_ms == 7_000


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNABLE_TO_LOCK_ROW", Deferred),
        ("SERVER_UNAVAILABLE", Deferred),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Refused),
        ("STRING_TOO_LONG", Refused),
        ("A_CODE_OF_NEXT_YEAR", Refused),
    ],
)
def test_a_records_error_is_passing_or_final(code: str, kind: type[object]) -> None:
    """The table is closed: what it does not name is final, and can be replayed from the dead letters."""
    result = record_error({"statusCode": code, "message": "m", "fields": ["Email"]}).result()
    assert isinstance(result, kind)


@pytest.mark.parametrize(
    ("duplicates", "ids"),
    [
        (None, ()),
        ({"matchResults": "?"}, ()),
        ({"matchResults": [{"matchRecords": [{"record": {"Id": "a"}}, {"record": None}, 7]}]}, ("a",)),
        ({"matchResults": [{"matchRecords": [{"record": {"Id": each}}]} for each in "aab"]}, ("a", "b")),
    ],
)
def test_duplicates_are_named_once(duplicates: Any, ids: tuple[str, ...]) -> None:
    """The ids of a duplicate rule's matches, whatever else stands there."""
    raw = json.loads(json.dumps({"statusCode": "DUPLICATES_DETECTED", "duplicateResult": duplicates}))
    assert record_error(raw).matches == ids
