"""What the demo knows: feeds, figures and the verdict's parts."""

import asyncio
import os
import signal

import pytest

from services.cli.demo.board import Board
from services.cli.demo.gauges import errors, parsed, quantiles
from services.cli.demo.interrupts import Interrupts
from services.cli.demo.judge import What, losses_of
from services.cli.demo.life import Kind
from services.cli.demo.population import life
from services.cli.demo.sight import Handoff, SalesPerson, Sight
from services.cli.demo.truth import Track
from services.cli.stage.verdict import Person
from services.sync.adapters.sandbox.feed import ChangeFeed, FeedItem
from services.sync.domain.records import Side
from services.sync.domain.score_rules import Scoring

METRICS = """\
# HELP tasuki_handoff_seconds From the webhook …
tasuki_handoff_seconds_bucket{le="0.01",system="salesforce"} 0.0
tasuki_handoff_seconds_bucket{le="0.02",system="salesforce"} 50.0
tasuki_handoff_seconds_bucket{le="0.03",system="salesforce"} 100.0
tasuki_handoff_seconds_bucket{le="+Inf",system="salesforce"} 100.0
tasuki_vendor_writes_total{outcome="confirmed",system="hubspot"} 70.0
tasuki_vendor_writes_total{outcome="refused",system="hubspot"} 2.0
tasuki_door_requests_total{outcome="accepted",system="hubspot"} 9.0
process_open_fds 12.0
"""


def handoff(lead_id: str = "one", cycle: int = 1, at: int = 1_000, email: str = "a@b.example") -> Handoff:
    """Return a task on somebody's desk."""
    return Handoff("00T1", lead_id, cycle, at, SalesPerson("Lead", "00Q1", {}), {}, email, "005")


def test_a_handoff_is_measured_whichever_end_is_known_first() -> None:
    """The task may be seen before the event that tells when its webhook was accepted, and after."""
    board = Board(started_at=0)

    board.stands(handoff("one", at=1_040))
    board.accepted("one", 1, 1_000)
    board.accepted("two", 1, 2_000)
    board.stands(handoff("two", at=2_100))

    assert board.latencies() == (100, 100)
    assert [board.latency_of(each) for each in board.recent] == [40, 100]


def test_a_task_that_is_told_twice_is_one_handoff() -> None:
    """The first one counts."""
    board = Board(started_at=0)

    board.stands(handoff(at=5))
    board.stands(handoff(at=9))

    assert [each.at for each in board.recent] == [5]
    assert board.was_handed_over("a@b.example", 1)
    assert not board.was_handed_over("a@b.example", 2)


def test_errors_are_what_did_not_end_well() -> None:
    """Accepted, confirmed and created are well; the rest is counted by what happened."""
    assert errors(parsed(METRICS)) == {"hubspot refused": 2}


def test_quantiles_are_spread_within_their_buckets() -> None:
    """The median of 100, 50 of them up to 20 ms, is 20 ms."""
    found = quantiles(parsed(METRICS))

    assert found is not None
    assert found[0] == pytest.approx(20)
    assert found[1] == pytest.approx(29.8)
    assert quantiles(parsed("")) is None


class _Desk:
    """Both feeds with a Sight on them, and what it told."""

    def __init__(self) -> None:
        self.ma, self.sfa = ChangeFeed(), ChangeFeed()
        self.tasks: list[Handoff] = []
        self.deals: list[Handoff] = []
        self.edits: list[str] = []

        def edited(email: str, _item: FeedItem) -> None:
            self.edits.append(email)

        self.sight = Sight(
            ma=self.ma,
            sfa=self.sfa,
            email_field="Email",
            key_field="Tasuki_Id__c",
            on_task=self.tasks.append,
            on_opportunity=self.deals.append,
            on_edit=edited,
        )

    def sales(self, of: str, record: str, origin: str, change: str = "create", **fields: str) -> None:
        """Something changes in the sales tool."""
        self.sfa.append(change, of=(of, record), at=7, origin=origin, fields=fields)


def test_a_task_is_seen_with_its_person_as_they_were() -> None:
    """What the record said when the task came stays, whatever is edited later."""
    desk = _Desk()
    desk.sales("Lead", "00Q1", "api", Email="a@b.example", Tasuki_Id__c="L1", OwnerId="005", Score="61")
    desk.sales("Task", "00T1", "api", Tasuki_Id__c="L1:1", WhoId="00Q1")
    desk.sales("Lead", "00Q1", "api", change="update", Score="90")
    desk.sales("Task", "00T2", "user", WhoId="00Q1")

    desk.sight.catch_up()

    assert [(each.email, each.cycle, each.owner_id) for each in desk.tasks] == [("a@b.example", 1, "005")]
    assert desk.tasks[0].seen["Score"] == "61"


def test_an_opportunity_finds_a_person_that_sales_made() -> None:
    """Such a record doesn't carry our id, but the task of its MQL hangs on it."""
    desk = _Desk()
    desk.sales("Lead", "00Q1", "user", Email="a@b.example")
    desk.sales("Opportunity", "0061", "api", Tasuki_Id__c="L1:1")
    desk.sales("Task", "00T1", "api", Tasuki_Id__c="L1:1", WhoId="00Q1")

    desk.sight.catch_up()

    assert [each.id for each in desk.deals] == ["0061"]
    assert desk.edits == ["a@b.example"]


def test_who_is_deleted_or_renamed_by_hand_is_gone() -> None:
    """Nothing can be expected of them any more."""
    desk = _Desk()
    desk.ma.append("create", of=("contact", "1"), at=1, origin="user", fields={"email": "a@b.example"})
    desk.ma.append("delete", of=("contact", "1"), at=2, origin="user", fields={})
    desk.sales("Lead", "00Q1", "user", Email="c@d.example")
    desk.sales("Lead", "00Q1", "user", change="update", Email="e@f.example")

    desk.sight.catch_up()

    assert desk.sight.gone == {"a@b.example", "c@d.example"}


def qualified_track() -> Track:
    """Return somebody who must be an MQL and has opted out."""
    who = next(each for n in range(1, 99) if (each := life(1, n)).kind is Kind.HOT)
    return Track(who, Scoring(threshold=1), dict(who.fields), qualifications=1, opted_out=True)


def standing(track: Track, side: Side, **fields: bool | int) -> Person:
    """Return the person's record on *side*."""
    return Person(side, "Lead", side.value, "L1", {"email": track.life.email, **fields})


def by_name(*people: Person) -> dict[Side, dict[str, Person]]:
    """Return *people* as the verdict looks them up."""
    return {side: {each.name: each for each in people if each.side is side} for side in Side}


def test_nothing_is_lost_when_all_is_there() -> None:
    """On both sides, an MQL with a task, opted out."""
    track, board = qualified_track(), Board(started_at=0)
    board.stands(handoff(email=track.life.email))
    there = by_name(
        standing(track, Side.MA, opted_out=True), standing(track, Side.SFA, opted_out=True, mql_at=1)
    )

    assert [*losses_of(track, there, board)] == []


def test_each_thing_that_is_missing_is_a_loss_of_its_own() -> None:
    """Standing, milestone, task and consent are told apart."""
    track, board = qualified_track(), Board(started_at=0)

    only_marketing = [*losses_of(track, by_name(standing(track, Side.MA, opted_out=True)), board)]
    unmarked = by_name(standing(track, Side.MA, opted_out=True), standing(track, Side.SFA))

    assert [each.about for each in only_marketing] == [What.PERSON]
    assert [each.about for each in losses_of(track, unmarked, board)] == [
        What.CONSENT,
        What.HANDOFF,
        What.HANDOFF,
    ]


async def test_the_first_ctrl_c_stops_gently_and_the_second_at_once() -> None:
    """The first calls the gentle stop, the second ends the task."""
    told: list[str] = []

    async def work() -> None:
        with Interrupts(lambda: told.append("at once")) as interrupts:
            interrupts.gently(lambda: told.append("gently"))
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(0.05)
            await asyncio.Event().wait()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work())

    assert told == ["gently", "at once"]
