"""Trying again."""

import pytest

from services.errors import Rejected, Retryable
from services.runtime.patience import Patience


class Failing:
    """A call that fails so many times, then returns how often it was made."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.calls = 0
        self.waits: list[int] = []
        self._failures = failures
        self._error = error

    async def call(self) -> int:
        """Fail or succeed."""
        self.calls += 1
        if self.calls <= self._failures:
            raise self._error
        return self.calls

    def note(self, _failure: Retryable, wait_ms: int) -> None:
        """Remember the waits."""
        self.waits.append(wait_ms)


async def test_waits_double_up_to_the_cap() -> None:
    """Each wait is between half and all of 1, 2, 4, 4 … ms."""
    failing = Failing(5, Retryable("away"))

    assert await Patience(first_ms=10, most_ms=40).attempt(failing.call, failing.note) == 6

    assert all(
        most // 2 <= wait <= most for wait, most in zip(failing.waits, [10, 20, 40, 40, 40], strict=True)
    )


async def test_patience_ends_with_the_last_failure() -> None:
    """When the next wait would go beyond the limit, the failure is raised."""
    failing = Failing(10**6, Retryable("away"))

    with pytest.raises(Retryable, match="away"):
        await Patience(first_ms=5, most_ms=5, give_up_ms=30).attempt(failing.call, failing.note)

    assert 2 <= failing.calls <= 12


async def test_what_cannot_succeed_is_not_repeated() -> None:
    """Only Retryable is."""
    failing = Failing(1, Rejected("no", reason="no"))

    with pytest.raises(Rejected):
        await Patience().attempt(failing.call, failing.note)

    assert failing.calls == 1


async def test_the_other_side_may_ask_for_a_longer_wait() -> None:
    """`retry_after_ms` is kept even above the cap."""
    failing = Failing(1, Retryable("slow down", retry_after_ms=30))

    await Patience(first_ms=1, most_ms=2).attempt(failing.call, failing.note)

    assert failing.waits == [30]
