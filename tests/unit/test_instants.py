"""Instants as text and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.instants import epoch_ms, rfc3339


@given(st.integers(-(10**12), 10**13))
def test_an_instant_comes_back_as_it_was(at: int) -> None:
    """To the millisecond, before 1970 too."""
    assert epoch_ms(rfc3339(at)) == at


def test_another_offset_is_the_same_instant() -> None:
    """Text without an offset is no instant."""
    assert epoch_ms("2026-09-22T09:00:00+09:00") == epoch_ms("2026-09-22T00:00:00.000Z")
    with pytest.raises(ValueError, match="no offset"):
        epoch_ms("2026-09-22T09:00:00")
