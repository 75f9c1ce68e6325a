"""The closed tables of the vendors' error codes: each that is documented has a meaning, and so has the rest."""

import pytest

from services.sync.adapters.hubspot import errors as hubspot
from services.sync.adapters.salesforce import errors as salesforce
from services.sync.application.ports import Forbidden, Throttled, Unauthorised, Unavailable
from services.sync.application.trouble import TROUBLES, Meaning, trouble_of

P, T, C, R, N = Meaning.PASSING, Meaning.THROTTLED, Meaning.CREDENTIALS, Meaning.PERMISSION, Meaning.PERMANENT


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        *((each, P) for each in (423, 477, 500, 502, 503, 504, 521, 523, 524, 599)),
        *((429, T), (401, C), (403, R), (400, N), (404, N), (409, N), (413, N), (414, N), (418, N)),
    ],
)
def test_each_status_of_hubspot_has_a_meaning(status: int, meaning: Meaning) -> None:
    """Those that its pages name as worth a repeat pass; an unknown one is final below 500."""
    assert hubspot.call_meaning(status, "") is meaning
    assert hubspot.call_meaning(status, "SOMETHING_NEW") is meaning


@pytest.mark.parametrize(
    ("category", "meaning"),
    [
        ("RATE_LIMITS", T),
        ("VALIDATION_ERROR", N),
        ("CONFLICT", N),
        ("OBJECT_NOT_FOUND", N),
        ("MISSING_SCOPES", R),
        ("EXPIRED_AUTHENTICATION", C),
        ("INVALID_AUTHENTICATION", C),
        ("INTERNAL_ERROR", P),
        ("SOMETHING_NEW", N),
        ("", N),
    ],
)
def test_each_category_of_hubspot_has_a_meaning(category: str, meaning: Meaning) -> None:
    """Of one record in a batch as of a call that answers 400."""
    assert hubspot.record_meaning(category) is meaning
    assert hubspot.call_meaning(400, category) is meaning


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        *((each, P) for each in ("UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT")),
        ("ALL_OR_NONE_OPERATION_ROLLED_BACK", P),
        ("REQUEST_LIMIT_EXCEEDED", T),
        ("INVALID_SESSION_ID", C),
        ("INSUFFICIENT_ACCESS_OR_READONLY", R),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", R),
        *((each, N) for each in ("NOT_FOUND", "ENTITY_IS_DELETED", "FIELD_CUSTOM_VALIDATION_EXCEPTION")),
        *((each, N) for each in ("REQUIRED_FIELD_MISSING", "DUPLICATE_VALUE", "PROCESSING_HALTED")),
        *((each, N) for each in ("INVALID_FIELD", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")),
        *((each, N) for each in ("STRING_TOO_LONG", "DUPLICATES_DETECTED", "SOMETHING_NEW", "")),
    ],
)
def test_each_code_of_salesforce_has_a_meaning(code: str, meaning: Meaning) -> None:
    """Of one record in a batch as of a call that answers 400."""
    assert salesforce.record_meaning(code) is meaning
    assert salesforce.call_meaning(400, code) is meaning


@pytest.mark.parametrize(
    ("status", "meaning"), [(401, C), (403, R), (429, T), (400, N), (404, N), (414, N), (500, P), (503, P)]
)
def test_a_code_that_salesforce_never_documented_is_known_by_its_status(
    status: int, meaning: Meaning
) -> None:
    """A new code must not end in a loop, nor an outage in dead letters."""
    assert salesforce.call_meaning(status, "SOMETHING_NEW") is meaning


def test_an_outage_never_counts_against_a_record() -> None:
    """A page of a proxy at 502, or a known code at 503, is the vendor's trouble, not ours."""
    for code in salesforce.CODES:
        assert salesforce.call_meaning(503, code) in {P, T}
    for category in hubspot.CATEGORIES:
        assert hubspot.call_meaning(503, category) is P


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "invalid_client_id", "something_new"])
def test_a_login_that_is_refused_is_about_the_credentials(error: str) -> None:
    """Unless the endpoint says that it is itself in trouble."""
    assert salesforce.LOGIN_ERRORS.get(error, C) is C


def test_what_is_wrong_has_one_word_for_each_kind() -> None:
    """Expired credentials, a missing right and an outage are never told by the same word."""
    found = [trouble_of(kind("x")) for kind in (Throttled, Unavailable, Unauthorised, Forbidden)]
    assert [each.reason for each in found] == [
        "throttled",
        "unavailable",
        "credentials-refused",
        "permission-missing",
    ]
    assert [each.by_itself for each in found] == [True, True, False, False]
    assert len({each.reason for each in TROUBLES}) == len(TROUBLES)
