"""The sandboxes' driven clock: people's acts keep their own times whatever programs write around them."""

from services.sync.adapters.sandbox.clock import SandboxClock

ACT_AT = 1_712_070_000_000


def driven_at(instant: int) -> SandboxClock:
    """A sandbox's clock, stopped so that a person acts at *instant*."""
    clock = SandboxClock(backwards=True)
    clock.drive(0)
    clock.advance(instant)
    return clock


def test_a_person_acts_at_the_own_time_however_often_programs_wrote_before() -> None:
    """A record entered a second before, written by a program nine times: the act keeps its instant."""
    clock = driven_at(ACT_AT)
    last = ACT_AT - 1_000
    for _ in range(9):
        last = clock.stamp(last, by_api=True)

    assert clock.stamp(last) == ACT_AT


def test_changes_of_a_record_have_growing_times() -> None:
    """A program that answers a person's act comes after it, and the next one after that."""
    clock = driven_at(ACT_AT)
    act = clock.stamp(0)

    answers = [clock.stamp(act, by_api=True)]
    answers.append(clock.stamp(answers[-1], by_api=True))

    assert [act, *answers] == [ACT_AT, ACT_AT + 1, ACT_AT + 2]
