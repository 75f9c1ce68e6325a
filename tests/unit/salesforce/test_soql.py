"""SOQL: texts that cannot break out of their quotes, and the sandbox's parser."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sync.adapters.salesforce import soql as written
from services.sync.adapters.salesforce.sandbox import soql as parsed
from services.sync.adapters.salesforce.sandbox.refusal import CallError


@given(st.text())
def test_any_text_comes_out_of_a_query_as_it_went_in(text: str) -> None:
    """Quotes, backslashes and line ends are no way out."""
    query = parsed.parse(written.select(("Id",), "Lead", f"Email = {written.text(text)}"))
    assert query.where == parsed.Comparison("Email", "=", (text,))


@given(st.lists(st.emails(), max_size=300))
def test_lists_are_cut_by_their_encoded_length_and_lose_nothing(emails: list[str]) -> None:
    """All values are in some list, once, and no list is too long for a URI."""
    lists = list(written.lists(emails))
    assert all(len(quote(each)) < written.MAX_LIST_LENGTH + 200 for each in lists)
    queries = [parsed.parse(written.select(("Id",), "Lead", f"Email IN {each}")) for each in lists]
    found = [
        value for each in queries if isinstance(each.where, parsed.Comparison) for value in each.where.values
    ]
    assert found == list(dict.fromkeys(emails))


def test_a_query_is_parsed_with_all_its_parts() -> None:
    """Conditions, order and limit."""
    query = parsed.parse(
        "SELECT Id, Email FROM Lead WHERE (Email IN ('a','b') AND IsConverted = false) OR NOT Score__c >= 1.5 "
        "ORDER BY CreatedDate DESC NULLS LAST, Id LIMIT 10"
    )
    assert query.fields == ("Id", "Email")
    assert query.order == (parsed.Order("CreatedDate", descending=True, nulls_last=True), parsed.Order("Id"))
    assert query.limit == 10
    assert isinstance(query.where, parsed.Junction)
    assert query.where.operator == "OR"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT FROM Lead",
        "SELECT Id FROM Lead WHERE",
        "SELECT Id FROM Lead WHERE a = 'x",
        "SELECT Id FROM Lead WHERE a = 1 AND b = 2 OR c = 3",
        "SELECT Id FROM Lead WHERE a = x",
        "SELECT Id FROM Lead; DELETE",
        "SELECT Id FROM Lead LIMIT 1.5",
        r"SELECT Id FROM Lead WHERE a = '\q'",
        "SELECT Id FROM Lead WHERE a = 2026-13-45T00:00:00Z",
    ],
)
def test_what_is_no_query_is_malformed(text: str) -> None:
    """The parser is strict, so that a connector's mistake shows here and not at the vendor."""
    with pytest.raises(CallError) as refused:
        parsed.parse(text)
    assert refused.value.code == "MALFORMED_QUERY"


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_malformed(text: str) -> None:
    """Nothing else comes out."""
    with pytest.raises(CallError):
        parsed.parse(written.select(("Id",), "Lead", text + " = "))
