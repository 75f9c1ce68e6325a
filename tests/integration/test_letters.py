"""Dead letters are found, replayed once their cause is mended, and dropped; whatever crashes, none is lost."""

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from schemas.alerts import AlertRetold
from schemas.inbox import InboxReceived
from schemas.lead import LeadWriteRetried
from schemas.reading import Unreadable, read
from schemas.topics import ALERTS, DEAD_LETTERS, INBOX, LEAD_CHANGES, LIFECYCLE
from services.runtime.clock import now_ms
from services.runtime.log.port import LogUnavailable, Record
from services.sync.application.letters import LetterState, Mark, Wanted
from services.sync.consumers.emissions import unreadable
from tests.integration.letter_world import LEAD, OTHER, LetterWorld, dead_letter, letter_world

ALL = Wanted()
SAMPLES = Path(__file__).parents[1] / "contracts" / "schema_samples" / "v2026-11-22"
WAITING = Wanted(states=(LetterState.WAITING,))


@pytest.fixture
async def world() -> AsyncIterator[LetterWorld]:
    """Give four letters, of which two can be replayed."""
    async with letter_world() as one:
        yield one


async def ids(world: LetterWorld, wanted: Wanted) -> list[str]:
    """Return the ids of the letters that are found, sorted."""
    return sorted(each.id for each in await world.box.letters(wanted))


async def test_letters_are_listed_oldest_first_with_the_lead_they_are_about(world: LetterWorld) -> None:
    """A record of a vendor is its lead's by the link, a write by its key."""
    found = await world.box.letters(ALL)
    assert [each.id for each in found] == ["bytes", "hint", "write", "foreign"]
    assert {each.id: each.lead_id for each in found} == {
        "bytes": OTHER,
        "hint": LEAD,
        "write": LEAD,
        "foreign": None,
    }
    assert {each.state for each in found} == {LetterState.WAITING}


async def test_letters_are_found_by_reason_lead_age_and_id(world: LetterWorld) -> None:
    """A reason is given whole, or by what stands before its colon; all that is given holds together."""
    now = now_ms()
    assert await ids(world, Wanted(reason="refused:NO_RIGHT")) == ["write"]
    assert await ids(world, Wanted(reason="refused")) == ["write"]
    assert await ids(world, Wanted(reason="refuse")) == []
    assert await ids(world, Wanted(lead_id=LEAD)) == ["hint", "write"]
    assert await ids(world, Wanted(lead_id=LEAD, reason="read-refused")) == ["hint"]
    assert await ids(world, Wanted(since=now - 120_000)) == ["foreign", "write"]
    assert await ids(world, Wanted(until=now - 120_000)) == ["bytes", "hint"]
    assert await ids(world, Wanted(ids=("write", "nowhere"))) == ["write"]


async def test_a_letter_that_was_relayed_twice_is_one(world: LetterWorld) -> None:
    """Outboxes tell at least once."""
    await world.log.append([dead_letter("hint"), dead_letter("hint")])
    assert await ids(world, Wanted(reason="read-refused")) == ["hint"]


async def test_a_replay_appends_what_takes_the_letter_in_again(world: LetterWorld) -> None:
    """A notification goes to the inbox as it came, a refused write becomes a retry of the lead's record."""
    handled = await world.box.replay(await world.box.letters(Wanted(lead_id=LEAD)), by="佐藤@ops")
    assert sorted(each.id for each in handled.done) == ["hint", "write"]

    (inbox,) = await world.on(INBOX.name)
    received = cast("InboxReceived", read(INBOX, inbox.value)).data
    assert inbox.key == "hubspot:contact:101"
    assert (received.system, received.object, received.record_id) == ("hubspot", "contact", "101")
    assert received.body == '{"objectId": 101}'
    (change,) = await world.on(LEAD_CHANGES.name)
    retried = cast("LeadWriteRetried", read(LEAD_CHANGES, change.value)).data
    assert (change.key, retried.side, retried.slot) == (LEAD, "sfa", "task:1")
    assert (retried.letter, retried.by) == ("write", "佐藤@ops")

    found = {each.id: each for each in await world.box.letters(ALL)}
    assert found["hint"].state is found["write"].state is LetterState.REPLAYED
    assert found["hint"].mark is not None
    assert found["hint"].mark.by == "佐藤@ops"
    assert await ids(world, WAITING) == ["bytes", "foreign"]


async def test_a_replay_asks_the_lines_of_the_systems_to_go_on(world: LetterWorld) -> None:
    """Who replays says that the cause is mended."""
    began_at = now_ms()
    await world.box.replay(await world.box.letters(Wanted(ids=("write",))), by="me")
    orders = await world.marks.resumes()
    assert orders.keys() == {"salesforce"}
    assert began_at <= orders["salesforce"] <= now_ms()


async def test_what_can_not_be_replayed_says_why_and_goes_on_waiting(world: LetterWorld) -> None:
    """It would only become a letter again."""
    handled = await world.box.replay(await world.box.letters(ALL), by="me")
    told = {letter.id: why for letter, why in handled.left}
    assert told.keys() == {"bytes", "foreign"}
    assert "this version can't read it either" in told["bytes"]
    assert "no connector is configured for 'marketo'" in told["foreign"]
    assert await ids(world, WAITING) == ["bytes", "foreign"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"body": "###"}, "damaged"),
        ({"body": b64encode(b"\xff\xfe").decode()}, "is no text"),
        ({"key": "hubspot:contact"}, "names no record"),
        ({"origin": "sfa:lead", "key": OTHER}, "isn't known any more"),
        ({"origin": "tasuki.kpi.v1/0/1"}, "may not take a record of tasuki.kpi.v1 twice"),
        ({"origin": "tasuki.lifecycle.v1/0/1", "reason": "impossible-time"}, "can't be true"),
        ({"origin": "tasuki.alerts.v1/0/1", "reason": "not-json"}, "can't read it either"),
        ({"origin": "sink:hook", "body": b64encode(b"[]").decode()}, "holds no alert"),
        ({"origin": f"{INBOX.name}/0/1", "body": ""}, "can't read it either"),
    ],
)
async def test_every_obstacle_has_its_own_words(data: dict[str, Any], why: str) -> None:
    """Nothing is appended for any of them."""
    async with letter_world(known=False) as world:
        await world.log.append([dead_letter("odd", **data)])
        handled = await world.box.replay(await world.box.letters(Wanted(ids=("odd",))), by="me")
        ((_, told),) = handled.left
        assert why in told
        assert not [*await world.on(INBOX.name), *await world.on(LEAD_CHANGES.name)]


async def test_a_dry_run_says_the_same_and_does_nothing(world: LetterWorld) -> None:
    """No record, no mark, no order."""
    handled = await world.box.replay(await world.box.letters(ALL), by="me", dry=True)
    assert (len(handled.done), len(handled.left)) == (2, 2)
    assert not [*await world.on(INBOX.name), *await world.on(LEAD_CHANGES.name)]
    assert len(await world.box.letters(WAITING)) == 4
    assert await world.marks.resumes() == {}


async def test_bytes_that_a_newer_version_wrote_are_replayed_when_this_one_knows_them(
    world: LetterWorld,
) -> None:
    """With the key they had, to the topic they came from."""
    (known,) = [each for each in await _inbox_of(world) if each.value is not None]
    body = b64encode(known.value or b"").decode()
    data = {"reason": "unknown-type", "origin": f"{INBOX.name}/2/9", "key": known.key, "body": body}
    await world.log.append([dead_letter("newer", **data)])
    await world.box.replay(await world.box.letters(Wanted(ids=("newer",))), by="me")
    assert [each.value for each in await world.on(INBOX.name)] == [known.value] * 2


async def test_an_original_that_is_too_long_for_a_letter_is_read_where_it_stands(world: LetterWorld) -> None:
    """Base64 makes it a third longer, and no letter may be longer than the log takes."""
    (first,) = await _inbox_of(world)
    event = cast("InboxReceived", read(INBOX, first.value))
    data = event.data.model_copy(update={"body": "x" * 1_000_000})
    value = event.model_copy(update={"data": data}).model_dump_json().encode()
    await world.log.append([Record(INBOX.name, "k", value)])
    record = next(each for each in await world.on(INBOX.name) if each.key == "k")
    letter = unreadable(record, Unreadable("from a newer version", reason="unknown-type")).record
    await world.log.append([letter])

    wanted = Wanted(reason="unknown-type")
    assert [each.data.body for each in await world.box.letters(wanted)] == [""]
    handled = await world.box.replay(await world.box.letters(wanted), by="me")
    assert not handled.left
    assert [each.value for each in await world.on(INBOX.name) if each.key == "k"] == [value] * 2


class DyingMarks:
    """Marks that a process no longer makes: it dies after the append."""

    async def marks(self, ids: Sequence[str]) -> Mapping[str, Mark]:
        """Return that nothing is marked."""
        del ids
        return {}

    async def mark(self, ids: Sequence[str], mark: Mark) -> None:
        """Die."""
        raise KeyboardInterrupt(ids, mark)

    async def order_resume(self, system: str, at: int) -> None:
        """Never be reached."""
        raise AssertionError(system, at)

    async def resumes(self) -> Mapping[str, int]:
        """Return that nobody asked."""
        return {}


async def test_a_crash_between_append_and_mark_repeats_and_loses_nothing(world: LetterWorld) -> None:
    """The letter waits on, and the next replay appends it once more."""
    wanted = Wanted(ids=("hint",), states=(LetterState.WAITING,))
    letters = await world.box.letters(wanted)
    world.box._marks = DyingMarks()  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(KeyboardInterrupt):
        await world.box.replay(letters, by="me")
    world.box._marks = world.marks  # pyright: ignore[reportPrivateUsage]

    assert len(await world.on(INBOX.name)) == 1
    await world.box.replay(await world.box.letters(wanted), by="me")
    assert len(await world.on(INBOX.name)) == 2
    assert await world.box.letters(wanted) == []


async def test_nothing_is_marked_that_is_not_in_the_log(world: LetterWorld) -> None:
    """The log is away: all letters wait on."""
    letters = await world.box.letters(WAITING)
    world.log.away = True
    with pytest.raises(LogUnavailable):
        await world.box.replay(letters, by="me")
    world.log.away = False
    assert len(await world.box.letters(WAITING)) == 4


async def test_many_letters_are_replayed_in_parts_that_are_told(world: LetterWorld) -> None:
    """For the progress bar; each part is durable when it is told."""
    await world.log.append(
        [
            dead_letter(f"many-{number}", reason="many", key=f"hubspot:contact:{number}")
            for number in range(250)
        ]
    )
    told: list[int] = []
    handled = await world.box.replay(
        await world.box.letters(Wanted(reason="many")), by="me", told=told.append
    )
    assert (len(handled.done), sum(told), len(told)) == (250, 250, 3)
    assert len(await world.on(INBOX.name)) == 250


async def test_dropped_letters_wait_for_nobody_and_stay_where_they_are(world: LetterWorld) -> None:
    """Who changes his mind finds them still."""
    await world.box.drop(await world.box.letters(Wanted(reason="unknown-system")), by="me")
    assert "foreign" not in await ids(world, WAITING)
    (letter,) = await world.box.letters(Wanted(states=(LetterState.DROPPED,)))
    told = await world.box.as_json(letter, whole=True)
    assert (told["id"], told["state"], told["marked_by"]) == ("foreign", "dropped", "me")
    assert "marketo" in told["obstacle"]
    assert told["body"] == '{"objectId": 101}'


async def test_a_record_on_the_topic_that_is_no_letter_is_passed_over(world: LetterWorld) -> None:
    """Somebody else wrote it; the others are found all the same."""
    await world.log.append([Record(DEAD_LETTERS.name, "x", b"{}"), Record(DEAD_LETTERS.name, "y", None)])
    assert len(await world.box.letters(ALL)) == 4


async def _inbox_of(world: LetterWorld) -> list[Record]:
    """Return a record that is a good notification, put on the inbox by a first replay."""
    await world.box.replay(await world.box.letters(Wanted(ids=("hint",))), by="me")
    return [Record(INBOX.name, each.key, each.value) for each in await world.on(INBOX.name)]


async def test_letters_of_the_kpi_service_are_replayed_like_others(world: LetterWorld) -> None:
    """An alert that a sink refused goes back to that sink alone; a fact of a newer version as it stands."""
    alert = b64encode(b'{"id": "a", "target": "yui@example.co.jp"}').decode()
    fact = SAMPLES.joinpath("tasuki.lifecycle.score-changed.v1.json").read_bytes()
    newer = {"reason": "unknown-type", "origin": f"{LIFECYCLE.name}/0/3", "body": b64encode(fact).decode()}
    refused = {"reason": "refused-by-sink", "origin": "sink:hook", "body": alert, "failed_at": 17}
    await world.log.append(
        [dead_letter("refused", key=LEAD, **refused), dead_letter("newer", key=LEAD, **newer)]
    )
    letters = await world.box.letters(Wanted(ids=("refused", "newer")))
    assert {each.lead_id for each in letters} == {LEAD}
    handled = await world.box.replay(letters, by="me")
    assert handled.left == []

    (told,) = await world.on(ALERTS.name)
    again = read(ALERTS, told.value)
    assert isinstance(again, AlertRetold)
    assert again.data.model_dump() == {
        "sink": "hook",
        "target": "yui@example.co.jp",
        "refused_at": 17,
        "letter": "refused",
        "by": "me",
        "alert": alert,
    }
    (record,) = await world.on(LIFECYCLE.name)
    assert (record.key, record.value) == (LEAD, fact)
    assert not await world.marks.resumes()
    await world.box.drop(letters, by="me")
    assert {
        each.state for each in await world.box.letters(Wanted(lead_id=LEAD, reason="refused-by-sink"))
    } == {LetterState.DROPPED}
