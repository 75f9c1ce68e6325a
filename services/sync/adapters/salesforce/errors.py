"""What Salesforce's error codes mean for us: closed tables with a default for the rest, and the errors made from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

import httpx2
import orjson

from services.sync.application.ports import Forbidden, Throttled, Unauthorised, Unavailable
from services.sync.application.quota import Refusal
from services.sync.application.trouble import Meaning
from services.sync.domain.records import Deferred, Refused

CODES: Mapping[str, Meaning] = MappingProxyType(
    {
        "ALL_OR_NONE_OPERATION_ROLLED_BACK": Meaning.PASSING,
        "QUERY_TIMEOUT": Meaning.PASSING,
        "REQUEST_RUNNING_TOO_LONG": Meaning.PASSING,
        "SERVER_UNAVAILABLE": Meaning.PASSING,
        "TOO_MANY_APEX_REQUESTS": Meaning.PASSING,
        "TXN_SECURITY_METERING_ERROR": Meaning.PASSING,
        "UNABLE_TO_LOCK_ROW": Meaning.PASSING,
        "CONCURRENT_REQUESTS_LIMIT_EXCEEDED": Meaning.THROTTLED,
        "REQUEST_LIMIT_EXCEEDED": Meaning.THROTTLED,
        "INVALID_AUTH_HEADER": Meaning.CREDENTIALS,
        "INVALID_LOGIN": Meaning.CREDENTIALS,
        "INVALID_SESSION_ID": Meaning.CREDENTIALS,
        "API_CURRENTLY_DISABLED": Meaning.PERMISSION,
        "API_DISABLED_FOR_ORG": Meaning.PERMISSION,
        "FUNCTIONALITY_NOT_ENABLED": Meaning.PERMISSION,
        "INSUFFICIENT_ACCESS": Meaning.PERMISSION,
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Meaning.PERMISSION,
        "INSUFFICIENT_ACCESS_OR_READONLY": Meaning.PERMISSION,
        "INVALID_FIELD_FOR_INSERT_UPDATE": Meaning.PERMISSION,
        "CANNOT_UPDATE_CONVERTED_LEAD": Meaning.PERMANENT,
        "DUPLICATES_DETECTED": Meaning.PERMANENT,
        "DUPLICATE_EXTERNAL_ID": Meaning.PERMANENT,
        "DUPLICATE_VALUE": Meaning.PERMANENT,
        "ENTITY_IS_DELETED": Meaning.PERMANENT,
        "FIELD_CUSTOM_VALIDATION_EXCEPTION": Meaning.PERMANENT,
        "INVALID_CROSS_REFERENCE_KEY": Meaning.PERMANENT,
        "INVALID_EMAIL_ADDRESS": Meaning.PERMANENT,
        "INVALID_FIELD": Meaning.PERMANENT,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Meaning.PERMANENT,
        "INVALID_TYPE": Meaning.PERMANENT,
        "MALFORMED_ID": Meaning.PERMANENT,
        "MALFORMED_QUERY": Meaning.PERMANENT,
        "NOT_FOUND": Meaning.PERMANENT,
        "PROCESSING_HALTED": Meaning.PERMANENT,
        "REQUIRED_FIELD_MISSING": Meaning.PERMANENT,
        "STRING_TOO_LONG": Meaning.PERMANENT,
    }
)
"""
An error's code, of a call or of one record in a batch.

Sources: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm,
https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
"""

STATUSES: Mapping[int, Meaning] = MappingProxyType(
    {401: Meaning.CREDENTIALS, 403: Meaning.PERMISSION, 429: Meaning.THROTTLED}
)
"""A call's status, where its code isn't known; statuses from 500 on pass."""

UNKNOWN = Meaning.PERMANENT
"""A code that isn't known: repeated for ever it would use the quota up and be seen by nobody."""

LOGIN_ERRORS: Mapping[str, Meaning] = MappingProxyType(
    {
        "invalid_grant": Meaning.CREDENTIALS,
        "invalid_client": Meaning.CREDENTIALS,
        "invalid_client_id": Meaning.CREDENTIALS,
        "invalid_client_credentials": Meaning.CREDENTIALS,
        "unauthorized_client": Meaning.CREDENTIALS,
        "unsupported_grant_type": Meaning.CREDENTIALS,
        "inactive_user": Meaning.CREDENTIALS,
        "inactive_org": Meaning.CREDENTIALS,
        "rate_limit_exceeded": Meaning.THROTTLED,
        "server_error": Meaning.PASSING,
        "temporarily_unavailable": Meaning.PASSING,
    }
)
"""
What the token endpoint calls its refusals (RFC 6749, 5.2); one that isn't known is about the credentials.

Source: https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_flow_errors.htm
"""

_LATER = frozenset({Meaning.PASSING, Meaning.THROTTLED})

LOCK_RETRY_MS = 1_000
"""How long to leave a locked row alone."""

MOVED_CODES = frozenset({"CANNOT_UPDATE_CONVERTED_LEAD", "ENTITY_IS_DELETED"})
"""Codes that say that another record took this one's place, by conversion or merge."""

TAKEN_CODES = frozenset({"DUPLICATE_VALUE", "DUPLICATE_EXTERNAL_ID"})
"""Codes that say that somebody else wrote the same external id in the same moment, or that two have it."""

HTTP_UNAUTHORIZED = 401
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
        if record_meaning(self.code) in _LATER:
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
    match call_meaning(response.status_code, code):
        case Meaning.THROTTLED:
            return Throttled(text, retry_after_ms=_retry_after_ms(response))
        case Meaning.PASSING:
            return Unavailable(text, retry_after_ms=_retry_after_ms(response))
        case Meaning.CREDENTIALS:
            return Unauthorised(f"{text}. Check the connected app and its secret or key.")
        case Meaning.PERMISSION:
            return Forbidden(f"{text}. Check the integration user's permissions.")
        case Meaning.PERMANENT:
            return CallRefused(code=code, detail=detail)


def call_meaning(status: int, code: str) -> Meaning:
    """
    Return what a call's answer means that is no success.

    From 500 on, and at 429, the status decides, unless the code speaks of a quota; else the code, if known.
    """
    known = CODES.get(code)
    if known is Meaning.THROTTLED or status == HTTP_TOO_MANY_REQUESTS:
        return Meaning.THROTTLED
    if status >= HTTP_SERVER_ERROR:
        return Meaning.PASSING
    return known or STATUSES.get(status, UNKNOWN)


def record_meaning(code: str) -> Meaning:
    """Return what the error of one record in a batch means."""
    return CODES.get(code, UNKNOWN)


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
