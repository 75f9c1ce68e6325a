"""The depth of JSON, told from the raw bytes before a parser sees them."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.body import json_deeper_than

_leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"))
_documents = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('{}[]"\\ab', max_size=6), inner, max_size=4)
    ),
    max_leaves=30,
)


def depth(document: Any) -> int:
    """Return how deep arrays and objects nest, 0 for a scalar."""
    if isinstance(document, dict):
        return 1 + max((depth(each) for each in document.values()), default=0)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(document, list):
        return 1 + max((depth(each) for each in document), default=0)  # pyright: ignore[reportUnknownVariableType]
    return 0


@given(_documents, st.integers(0, 8), st.booleans())
def test_it_agrees_with_the_parsed_document(document: Any, limit: int, indented: bool) -> None:  # noqa: FBT001 - drawn
    """For any JSON and any limit, brackets and quotes within strings included."""
    raw = orjson.dumps(document, option=orjson.OPT_INDENT_2 if indented else None)

    assert json_deeper_than(raw, limit) == (depth(document) > limit)


@given(st.binary(max_size=200) | st.text('[]{}",:\\ 1').map(str.encode), st.integers(0, 5))
def test_any_bytes_get_an_answer(raw: bytes, limit: int) -> None:
    """What is no JSON is answered either way, quickly and without an error."""
    assert json_deeper_than(raw, limit) in {True, False}


WORST = {
    "opened": b"[" * 1_048_576,
    "pairs": b"[]" * 524_288,
    "mountain": b"[" * 524_288 + b"]" * 524_288,
    "hills": (b"[" * 32 + b"]" * 32) * 16_384,
    "escapes": b'"\\' * 524_288,
    "quotes": b'"' * 1_048_576,
    "one long string": b'["' + b"\\\\" * 524_286 + b'"]',
    "objects": b'{"a":[' * 174_762,
}


@pytest.mark.timeout(
    10
)  # a linear walk takes a few hundredths of a second, one that looks back takes minutes
@pytest.mark.parametrize("raw", WORST.values(), ids=WORST)
def test_the_worst_mebibyte_is_walked_once(raw: bytes) -> None:
    """The most adverse bodies stall nothing, and are judged by their nesting alone."""
    assert json_deeper_than(raw, 32) is json_deeper_than(raw[:256] + raw[-256:], 32)
