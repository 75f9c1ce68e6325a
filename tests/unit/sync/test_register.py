"""What a register knows after reads and echoes: what stands there, and what somebody last said."""

from services.sync.domain.register import NEVER, REMEMBERED_SIGHTS, Register


def test_a_read_of_what_stood_there_says_nothing() -> None:
    """A record that changed elsewhere is read again: its other fields keep the time they were said at."""
    register = Register()
    register.observe("A", 100, own=False)
    register.observe("A", 200, own=False, exact=False)

    assert (register.said, register.said_at, register.there_at) == ("A", 100, 200)


def test_only_reads_count_from_the_first_of_them() -> None:
    """A tool that tells only when the record changed: the first read of a value is when it was said."""
    register = Register()
    for at in (100, 110, 120):
        register.observe("A", at, own=False, exact=False)

    assert register.said_at == 100


def test_a_change_that_comes_late_splits_a_run_of_reads() -> None:
    """The value stood there before and after another: it was said anew after it."""
    register = Register()
    for at in (100, 110, 130):
        register.observe("A", at, own=False, exact=False)
    register.observe("B", 120, own=False)

    assert (register.said, register.said_at) == ("A", 130)


def test_a_read_of_our_own_value_is_not_somebodys() -> None:
    """After our write the record changes elsewhere: the read is no one's word, marked as ours or not."""
    register = Register()
    register.observe("A", 100, own=False)
    register.observe("B", 150, own=True)
    register.observe("B", 200, own=False, exact=False)

    assert (register.said, register.said_at, register.there) == ("A", 100, "B")


def test_setting_the_old_value_back_says_it_anew() -> None:
    """Somebody undoes our write; though only a read tells, it is a change."""
    register = Register()
    register.observe("A", 100, own=False, exact=False)
    register.confirm("B", 100, 150)
    register.observe("A", 200, own=False, exact=False)

    assert (register.said, register.said_at, register.there) == ("A", 200, "A")


def test_a_stale_read_after_our_write_says_nothing() -> None:
    """The record was read between the old value and our write; the read comes in after the confirmation."""
    register = Register()
    register.observe("A", 100, own=False, exact=False)
    register.confirm("B", 100, 150)
    register.observe("A", 120, own=False, exact=False)

    assert (register.said, register.said_at, register.there) == ("A", 100, "A")


def test_a_long_run_of_reads_does_not_undo_a_change() -> None:
    """However often the value that somebody set back is read again, it stays said after our write."""
    register = Register()
    register.observe("A", 100, own=False)
    register.observe("B", 150, own=True)
    for at in range(200, 200 + 3 * REMEMBERED_SIGHTS):
        register.observe("A", at, own=False, exact=False)

    assert register.said == "A"
    assert register.said_at >= 200


def test_a_blank_where_nothing_ever_stood_says_nothing() -> None:
    """A field that was never filled in has no say."""
    register = Register()
    register.observe(None, 100, own=False)
    register.observe("", 200, own=False, exact=False)

    assert not register.speaks


def test_a_blank_where_something_stood_was_cleared() -> None:
    """Whoever had filled it in, somebody else cleared it, and that is a word."""
    for own in (False, True):
        register = Register()
        register.observe("A", 100, own=own)
        register.observe(None, 200, own=False)

        assert register.speaks
        assert register.said is None


def test_a_blank_that_stood_before_our_write_was_not_cleared() -> None:
    """We filled the blank in; a late read of the time before is not a clearing."""
    register = Register()
    register.observe(None, 100, own=False, exact=False)
    register.confirm("A", 100, 150)
    register.observe(None, 120, own=False, exact=False)

    assert not register.speaks


def test_of_two_values_of_one_instant_the_greater_stands() -> None:
    """A counter that moved twice within a millisecond is at the higher number, in either order."""
    for values in ((9, 10), (10, 9)):
        register = Register()
        for value in values:
            register.observe(value, 100, own=False)

        assert (register.said, register.there) == (10, 10)


def test_an_empty_register_says_nothing() -> None:
    """Nothing was seen: nothing is said, nothing stands there."""
    register = Register()

    assert (register.said_at, register.there_at, register.speaks) == (NEVER, NEVER, False)
