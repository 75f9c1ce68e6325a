"""The limit that stops the line when everything is refused, and how it goes on."""

import asyncio
from collections.abc import Collection, Sequence

import pytest
from structlog.testing import capture_logs

from services.sync.application.circuit import FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Circuit, Line
from services.sync.application.lane import Lane
from services.sync.application.ports import Forbidden
from services.sync.domain.records import Confirmed, Deferred, RecordRef, Refused, WriteResult
from tests.waiting import PATIENCE_S

NOW = 1_790_000_000_000
NO = Refused(code="NO_RIGHT", detail="")
YES = Confirmed(ref=RecordRef("sales", "person", "1"))
LATER = Deferred(code="LOCKED", detail="")


class Hand:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        """Return the present, epoch ms."""
        return self.now


@pytest.fixture
def clock() -> Hand:
    """Return the clock of the circuit."""
    return Hand()


@pytest.fixture
def circuit(clock: Hand) -> Circuit:
    """Return a circuit that stops after five refusals."""
    return Circuit("sales", Line.WRITES, clock, most=5)


def of(result: WriteResult | None, *names: str) -> list[tuple[str, WriteResult | None]]:
    """Return that the writes of the leads *names* ended so."""
    return [(each, result) for each in names]


def leads(count: int, head: str = "l") -> list[str]:
    """Return the names of *count* leads."""
    return [f"{head}{number}" for number in range(count)]


def test_a_batch_that_is_refused_as_a_whole_leaves_as_many_letters_as_are_allowed(circuit: Circuit) -> None:
    """The sixth and all after it are held back, in this batch and in those that were under way."""
    assert circuit.judge(of(NO, *leads(100))) == [True] * 5 + [False] * 95
    assert circuit.judge(of(NO, *leads(100, "m"))) == [False] * 100
    assert circuit.stop is not None
    assert circuit.stop.trouble.reason == "everything-refused"
    assert circuit.why == (
        "the writes of sales stand, everything-refused: NO_RIGHT: 5 of the last 5 were refused so, and none was"
        " taken; mend what the commonest reason names; it goes on by itself, at once with `tasuki resume`"
    )


def test_one_that_is_taken_between_keeps_the_line_going(circuit: Circuit) -> None:
    """Bad records are found one by one, however many; also where they come before the good one in the batch."""
    for number in range(20):
        names = leads(7, f"{number}-")
        assert all(circuit.judge([*of(NO, *names[:6]), *of(YES, names[6])]))
        assert all(circuit.judge(of(NO, *leads(4, f"{number}+"))))
        circuit.judge(of(YES, "good"))
    assert circuit.stop is None


def test_what_is_merely_late_says_nothing(circuit: Circuit) -> None:
    """A locked row neither stops the line nor keeps it going."""
    circuit.judge(of(NO, *leads(4)))
    assert circuit.judge(of(LATER, *leads(50))) == [True] * 50
    assert circuit.stop is None
    circuit.judge(of(NO, "another"))
    assert circuit.stop is not None


def test_what_was_never_sent_says_nothing(circuit: Circuit) -> None:
    """A value that has no form there neither stops the line, nor is it held back while the line stands."""
    unsent = Refused(code="UNMAPPABLE", detail="", fields=("owner",), unsent=True)
    assert circuit.judge(of(unsent, *leads(50))) == [True] * 50
    assert circuit.stop is None
    circuit.judge(of(NO, *leads(5)))
    assert circuit.judge([*of(unsent, "x"), *of(NO, "y")]) == [True, False]
    assert circuit.stop is not None


def test_one_lead_alone_never_stops_the_line(circuit: Circuit) -> None:
    """It is the records that differ which say that it isn't the records."""
    for _ in range(50):
        assert circuit.judge(of(NO, "same")) == [True]
    assert circuit.stop is None


def test_nought_never_stops() -> None:
    """The limit can be switched off."""
    circuit = Circuit("sales", Line.WRITES, Hand(), most=0)
    assert all(circuit.judge(of(NO, *leads(500))))
    assert not circuit.cut().over


def test_the_log_names_the_commonest_reason_and_the_mend(circuit: Circuit) -> None:
    """Who reads only this line knows what to do; of the records it says nothing."""
    with capture_logs() as logged:
        circuit.judge([*of(Refused(code="ODD", detail="山田"), "a"), *of(NO, *leads(10))])
    (line,) = logged
    assert (line["event"], line["log_level"], line["code"]) == ("line.stopped", "error", "NO_RIGHT")
    assert "tasuki resume" in line["mend"]
    assert "山田" not in str(line)


def test_trials_come_one_at_a_time_after_growing_pauses(circuit: Circuit, clock: Hand) -> None:
    """Whoever asks first gets it; the pause doubles up to its longest, whatever becomes of the trial."""
    circuit.judge(of(NO, *leads(5)))
    pauses: list[int] = []
    for _ in range(12):
        before = clock.now
        assert (circuit.room(100), circuit.claim()) == (0, False)
        assert circuit.due_at is not None
        clock.now = circuit.due_at
        assert (circuit.room(100), circuit.claim(), circuit.claim()) == (1, True, False)
        pauses.append(clock.now - before)
        assert circuit.judge(of(NO, "trial")) == [False]
    assert pauses[:4] == [FIRST_PAUSE_MS * 2**n for n in range(4)]
    assert pauses[-1] == LONGEST_PAUSE_MS


def test_the_first_that_is_taken_opens_the_line(circuit: Circuit, clock: Hand) -> None:
    """And the count begins anew."""
    circuit.judge(of(NO, *leads(5)))
    clock.now += FIRST_PAUSE_MS
    assert circuit.claim()
    with capture_logs() as logged:
        assert circuit.judge(of(YES, "trial")) == [True]
    assert [line["event"] for line in logged] == ["line.resumed"]
    assert (circuit.stop, circuit.room(100), circuit.why) == (None, 100, "")
    assert all(circuit.judge(of(NO, *leads(4))))


def test_an_order_to_go_on_tries_one_at_once(circuit: Circuit) -> None:
    """The line isn't opened by it: that is for the vendor to say."""
    circuit.resume()
    circuit.judge(of(NO, *leads(5)))
    circuit.resume()
    assert (circuit.room(100), circuit.claim(), circuit.room(100)) == (1, True, 0)
    assert circuit.stop is not None


def test_a_right_that_is_missing_stops_the_line_at_once(circuit: Circuit) -> None:
    """The vendor says it of the call, not of a record: no letter is needed to know."""
    circuit.forbid(Forbidden("403 MISSING_SCOPES: contacts.write"))
    assert circuit.stop is not None
    assert circuit.stop.trouble.reason == "permission-missing"
    assert "MISSING_SCOPES" in circuit.why
    assert circuit.judge(of(NO, "a")) == [False]


def test_the_halving_of_a_batch_ends_when_each_is_refused_by_itself(circuit: Circuit) -> None:
    """Unless one of the batch was taken."""
    cut = circuit.cut()
    cut.refused = 4
    assert not cut.over
    cut.refused = 5
    assert cut.over
    cut.note([LATER, NO])
    assert cut.over
    cut.note([NO, YES])
    assert not cut.over


async def test_readers_wait_for_their_turn_and_all_go_on_together(circuit: Circuit, clock: Hand) -> None:
    """Of ten that wait one is let through as the trial; its success lets the others go."""
    circuit.judge(of(NO, *leads(5)))
    waiting = [asyncio.create_task(circuit.turn()) for _ in range(10)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)

    clock.now += FIRST_PAUSE_MS
    circuit.resume()
    done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(left)) == (1, 9)
    circuit.succeed()
    await asyncio.wait_for(asyncio.gather(*left), PATIENCE_S)


class Shard:
    """Leads that wait, most urgent first."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.woken = 0

    async def read(self, limit: int, skip: Collection[str]) -> Sequence[str]:
        """Return up to *limit* of them without *skip*."""
        return [each for each in self.names if each not in skip][:limit]

    def wake(self) -> None:
        """Count how often something may be done."""
        self.woken += 1


async def test_each_trial_takes_another_lead_and_begins_again_with_the_first(
    circuit: Circuit, clock: Hand
) -> None:
    """A lead that is bad by itself so doesn't keep the line shut; the last one isn't the end."""
    shard = Shard("a", "b", "c")
    lane = Lane(circuit, shard.wake)
    circuit.judge(of(NO, *leads(5)))
    tried: list[str] = []
    for _ in range(5):
        assert await lane.pick(shard.read, 100, ()) == []
        assert lane.due_at is not None
        clock.now = lane.due_at
        (name,) = await lane.pick(shard.read, 100, ())
        lane.judge(of(NO, name))
        tried.append(name)
    assert tried == ["a", "b", "c", "a", "b"]

    clock.now += LONGEST_PAUSE_MS
    (name,) = await lane.pick(shard.read, 100, ())
    lane.judge(of(YES, name))
    assert shard.woken == 1
    assert await lane.pick(shard.read, 100, ()) == ["a", "b", "c"]


async def test_a_shard_without_leads_takes_no_trial_and_waits_for_news(circuit: Circuit, clock: Hand) -> None:
    """Else the trials would be wasted on those who have nothing to send, and they would never sleep."""
    idle = Lane(circuit, Shard().wake)
    busy = Lane(circuit, Shard().wake)
    circuit.judge(of(NO, *leads(5)))
    clock.now += FIRST_PAUSE_MS
    assert await idle.pick(Shard().read, 100, ()) == []
    assert idle.due_at is None
    assert await busy.pick(Shard("a").read, 100, ()) == ["a"]
    assert await busy.pick(Shard("b").read, 100, ()) == []
    assert busy.due_at is not None


async def test_a_shard_that_is_let_go_is_woken_no_more(circuit: Circuit) -> None:
    """Its dispatcher has ended."""
    shard = Shard()
    lane = Lane(circuit, shard.wake)
    lane.leave()
    circuit.judge(of(NO, *leads(5)))
    circuit.succeed()
    assert shard.woken == 0
