"""What the vendor's error codes mean for us: a closed table, and the errors made from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import httpx2
import orjson

from services.sync.application.ports import Throttled, Unauthorised, Unavailable
from services.sync.application.quota import Refusal
from services.sync.domain.records import Deferred, Refused

PASSING_CODES = frozenset(
    {
        "UNABLE_TO_LOCK_ROW",
        "SERVER_UNAVAILABLE",
        "QUERY_TIMEOUT",
        "REQUEST_RUNNING_TOO_LONG",
        "TXN_SECURITY_METERING_ERROR",
        "TOO_MANY_APEX_REQUESTS",
        "CONCURRENT_REQUESTS_LIMIT_EXCEEDED",
        "REQUEST_LIMIT_EXCEEDED",
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    }
)
"""
Codes of a single record that may be gone at the next attempt; every other code is final.

Source: https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
"""

LOCK_RETRY_MS = 1_000
"""How long to leave a locked row alone."""

MOVED_CODES = frozenset({"CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED"})
"""Codes that say that another record took this one's place, by conversion or merge."""

TAKEN_CODES = frozenset({"DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID"})
"""Codes that say that somebody else wrote the same external id in the same moment, or that two have it."""

QUOTA_CODE = "REQUEST_LIMIT_EXCEEDED"
HTTP_UNAUTHORIZED = 401
HTTP_FORBIDDEN = 403
HTTP_TOO_MANY_REQUESTS = 429
HTTP_SERVER_ERROR = 500


class CallRefused(Exception):
    """The vendor refused a call as a whole, for good, with *code*."""

    def __init__(self, *, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordError:
    """Why one record of a batch was not taken; `matches` are the ids of duplicates, if the vendor names them."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()

    def result(self) -> Refused | Deferred:
        """Return what this error means for a write."""
        if self.code in PASSING_CODES:
            return Deferred(code=self.code, detail=self.message, retry_after_ms=LOCK_RETRY_MS)
        return Refused(code=self.code, detail=self.message, fields=self.fields)


def record_error(raw: Mapping[str, object]) -> RecordError:
    """Return the error in one entry of a result's ``errors``, or of an error response."""
    fields = raw.get("fields")
    return RecordError(
        code=str(raw.get("statusCode") or raw.get("errorCode") or "UNKNOWN"),
        message=str(raw.get("message") or ""),
        fields=tuple(str(each) for each in cast("list[object]", fields)) if isinstance(fields, list) else (),
        matches=_matched_ids(raw.get("duplicateResult")),
    )


def _matched_ids(duplicates: object) -> tuple[str, ...]:
    """Return the ids in a ``duplicateResult``, in its order and without repeats."""
    ids: dict[str, None] = {}
    for result in _list(_get(duplicates, "matchResults")):
        for match in _list(_get(result, "matchRecords")):
            found = _get(_get(match, "record"), "Id")
            if isinstance(found, str):
                ids[found] = None
    return tuple(ids)


def _get(raw: object, name: str) -> object:
    return cast("Mapping[str, object]", raw).get(name) if isinstance(raw, Mapping) else None


def _list(raw: object) -> list[object]:
    return cast("list[object]", raw) if isinstance(raw, list) else []


def response_error(response: httpx2.Response) -> Exception:
    """Return what to raise for a response that is not a success."""
    code, detail = _code_and_detail(response)
    text = f"Salesforce answered {response.status_code} {code}: {detail}"
    if code == QUOTA_CODE or response.status_code == HTTP_TOO_MANY_REQUESTS:
        return Throttled(text, retry_after_ms=_retry_after_ms(response))
    if response.status_code >= HTTP_SERVER_ERROR or code in PASSING_CODES:
        return Unavailable(text, retry_after_ms=_retry_after_ms(response))
    if response.status_code in {HTTP_UNAUTHORIZED, HTTP_FORBIDDEN}:
        return Unauthorised(f"{text}. Check the connected app and the integration user's permissions.")
    return CallRefused(code=code, detail=detail)


def quota_refusal(response: httpx2.Response) -> Refusal | None:
    """
    Return which limit a refused call is about; None where it wasn't refused for one.

    Too many at once and too many a day have the same code; only the text tells them apart.
    """
    if response.is_success or response.status_code == HTTP_UNAUTHORIZED:
        return None
    code, detail = _code_and_detail(response)
    if code == "CONCURRENT_REQUESTS_LIMIT_EXCEEDED" or (code == QUOTA and "Concurrent" in detail):
        return Refusal(CONCURRENT, _retry_after_ms(response))
    return Refusal(DAILY, _retry_after_ms(response)) if code == QUOTA else None


QUOTA = "REQUEST_LIMIT_EXCEEDED"
DAILY, CONCURRENT = "daily", "concurrent"
"""Salesforce's limits; every call counts on both."""


def _code_and_detail(response: httpx2.Response) -> tuple[str, str]:
    try:
        raw = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return f"HTTP_{response.status_code}", "an answer that is not JSON"
    first = _list(raw)[0] if _list(raw) else raw
    if not isinstance(first, Mapping):
        return f"HTTP_{response.status_code}", "an answer of an unknown shape"
    error = record_error(cast("Mapping[str, object]", first))
    return error.code, error.message


def _retry_after_ms(response: httpx2.Response) -> int | None:
    text = response.headers.get("retry-after", "")
    return int(text) * 1000 if text.isdecimal() else None
