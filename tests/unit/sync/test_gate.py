"""The gate before a vendor that is away: how long it is closed, and what opens it."""

from random import Random

import pytest

from services.errors import Retryable
from services.sync.application.gate import FIRST_WAIT_MS, LONGEST_WAIT_MS, Gate

NOW = 1_790_000_000_000
AWAY = Retryable("away")


class Hand:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        """Return the present, epoch ms."""
        return self.now


@pytest.fixture
def clock() -> Hand:
    """Return the clock of the gate."""
    return Hand()


@pytest.fixture
def gate(clock: Hand) -> Gate:
    """Return an open gate."""
    return Gate(clock, Random(1))


async def test_each_failure_after_the_gate_opened_again_closes_it_longer(gate: Gate, clock: Hand) -> None:
    """Between half of it and the whole of 100 ms, 200 ms and so on, up to half a minute."""
    for round_ in range(12):
        gate.fail(AWAY, await gate.wait())
        ceiling = min(FIRST_WAIT_MS * 2**round_, LONGEST_WAIT_MS)
        assert ceiling / 2 <= gate.closed_until - clock.now <= ceiling
        clock.now = gate.closed_until


async def test_calls_that_fail_together_close_the_gate_as_long_as_one(gate: Gate, clock: Hand) -> None:
    """Twenty batches under way when the vendor's connection breaks say no more than one; nor do twenty that try again."""
    for round_ in range(3):
        calls = [await gate.wait() for _ in range(20)]
        for before in calls:
            gate.fail(AWAY, before)
        assert gate.closed_until - clock.now <= FIRST_WAIT_MS * 2**round_
        clock.now = gate.closed_until


async def test_what_the_vendor_asks_for_stands_whoever_it_tells(gate: Gate, clock: Hand) -> None:
    """A later failure without a time doesn't shorten it, and a call that was under way may lengthen it."""
    one, other, third = [await gate.wait() for _ in range(3)]
    gate.fail(Retryable("later", retry_after_ms=5_000), one)
    gate.fail(AWAY, other)
    assert gate.closed_until == clock.now + 5_000
    gate.fail(Retryable("much later", retry_after_ms=9_000), third)
    assert gate.closed_until == clock.now + 9_000


async def test_one_answer_opens_the_gate_and_the_next_failure_is_a_first_one(gate: Gate, clock: Hand) -> None:
    """Also that of a call that left before the failures."""
    early = await gate.wait()
    for _ in range(5):
        gate.fail(AWAY, await gate.wait())
        clock.now = gate.closed_until
    late = await gate.wait()
    gate.succeed()
    assert gate.closed_until == 0
    gate.fail(AWAY, late)
    gate.fail(AWAY, early)
    assert 0 < gate.closed_until - clock.now <= FIRST_WAIT_MS
