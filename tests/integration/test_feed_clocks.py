"""The board of open clocks, the alerts, and what becomes overdue, live: over a real server."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from services.kpi.domain.lead_clocks import ClockRules
from services.kpi.domain.sla.policy import Escalation, Pause, Policy, Target
from services.runtime.clock import now_ms
from tests.integration.feed_world import EventStream, FeedWorld, feed_world
from tests.kpi_facts import DAY, HOUR, MINUTE, Teller
from tests.waiting import wait_until

PROMISES = ClockRules.of(
    [
        Policy(
            name="response",
            starts=("mql",),
            stops=("first_response",),
            targets=(Target(budget_ms=DAY),),
            pauses=(Pause(begins=("activity:task",), ends=("activity:meeting",)),),
            escalations=(Escalation(notify=("team-lead",), after_ms=30 * MINUTE),),
        ),
        Policy(
            name="appointment", starts=("sql",), stops=("appointment",), targets=(Target(budget_ms=3 * DAY),)
        ),
    ],
    from_at=0,
)
SATO: dict[str, Any] = {"holder": "sato@firm.example", "segments": {"source": "web"}}
ABE: dict[str, Any] = {"holder": "abe@firm.example", "origin": "bdr", "segments": {"source": "展示会"}}


@pytest.fixture
async def world() -> AsyncGenerator[FeedWorld]:
    """Give a board: one clock overdue, one due soon, two later, one paused, and some that are over."""
    async with feed_world(promises=PROMISES) as found:
        now, teller = now_ms(), Teller()
        teller.reached("overdue", "mql", now - 25 * HOUR, **SATO)
        teller.reached("soon", "mql", now - 23 * HOUR, **SATO)
        teller.reached("later", "mql", now - HOUR, **ABE)
        teller.reached("later", "sql", now - HOUR, **ABE)
        teller.reached("still", "mql", now - 3 * HOUR, **ABE)
        teller.did("still", "sf:Task:1", now - HOUR, "task", **ABE)
        teller.reached("done", "mql", now - 3 * HOUR, **ABE)
        teller.reached("done", "first_response", now - HOUR, **ABE)
        teller.reached("undone", "mql", now - 3 * HOUR, **ABE)
        teller.retracted("undone", "mql", now - 3 * HOUR, **ABE)
        for event in teller.told:  # each by itself, so that each batch must leave the board right
            await found.kpi.tell([event])
            await found.kpi.counted(found.worker)
        await wait_until(lambda: _told(found, 2), description="the breach and its escalation are told")
        yield found


async def _told(world: FeedWorld, count: int) -> bool:
    return len(await world.kpi.alerts()) >= count


async def _leads(world: FeedWorld, query: str) -> list[str]:
    return [each["lead_id"] for each in (await world.get(f"/kpi/clocks?{query}")).json()["items"]]


async def test_each_open_clock_is_listed_by_what_comes_due_first(world: FeedWorld) -> None:
    """Overdue, due soon, paused, or any; with counts, by owner, team, segment and policy, page by page."""
    body = (await world.get("/kpi/clocks")).json()
    assert [each["lead_id"] for each in body["items"]] == ["overdue", "soon", "later", "later", "still"]
    assert body["counts"] == {"overdue": 1, "due_soon": 1, "open": 5, "paused": 1, "exact": True}
    assert [each["policy"] for each in body["policies"]] == ["appointment", "response"]
    assert body["policies"][1]["policy_name"] == {"ja": "初回対応", "en": "First response"}
    for query, expected in (
        ("state=overdue", ["overdue"]),
        ("state=due-soon", ["soon"]),
        ("state=due-soon&due_within=30m", []),
        ("state=due-soon&due_within=1d", ["soon", "later"]),
        ("state=paused", ["still"]),
        ("owner=sato@firm.example", ["overdue", "soon"]),
        ("team=east&state=overdue", ["overdue"]),
        ("team=", ["later", "later", "still"]),
        ("segment=source:展示会&policy=response", ["later", "still"]),
        ("segment=role:bdr&policy=appointment", ["later"]),
        ("policy=nonsense", []),
    ):
        assert await _leads(world, query) == expected, query
    for filters in ("", "&segment=role:bdr"):
        walked: list[str] = []
        path: str | None = f"/kpi/clocks?limit=1{filters}"
        while path:
            answer = await world.get(path)
            walked += [each["lead_id"] for each in answer.json()["items"]]
            path = answer.links["next"]["url"] if "next" in answer.links else None
        assert walked == (
            ["later", "later", "still"] if filters else ["overdue", "soon", "later", "later", "still"]
        )
    chosen = (await world.get("/kpi/clocks?owner=sato@firm.example&limit=1")).json()
    assert chosen["counts"] == {"overdue": 1, "due_soon": 1, "open": 2, "paused": 0, "exact": True}


async def test_a_clock_says_how_it_stands(world: FeedWorld) -> None:
    """What is used up, left, exceeded; what was told; and whether time that counts passes."""
    body = (await world.get("/kpi/clocks")).json()
    late, soon, *_, still = body["items"]
    assert (late["state"], late["step"], late["owner"], late["team"]) == (
        "breached",
        "escalation:1",
        "sato@firm.example",
        "east",
    )
    assert [each["step"] for each in late["told"]] == ["breach", "escalation:1"]
    assert late["overdue_ms"] == body["at"] - late["due_at"] == late["elapsed_ms"] - DAY
    assert (late["remaining_ms"], late["running"], late["changes_at"]) == (0, True, None)
    assert (soon["state"], soon["remaining_ms"]) == ("running", soon["due_at"] - body["at"])
    assert (still["state"], still["due_at"], still["running"], still["stage"]) == (
        "paused",
        None,
        False,
        "mql",
    )
    assert still["elapsed_ms"] == 2 * HOUR
    table = await world.get("/kpi/clocks?format=csv")
    assert len(table.text.splitlines()) == 6


async def test_the_board_moves_with_facts_and_is_not_sent_again_without(world: FeedWorld) -> None:
    """304 while nothing but time passed; a pause that ends gives the clock a deadline again."""
    answer = await world.get("/kpi/clocks")
    again = await world.get("/kpi/clocks", if_none_match=answer.headers["etag"])
    assert again.status_code == 304
    teller = Teller(first=50)
    meeting = teller.did("still", "sf:Event:1", now_ms() - 1, "meeting", **ABE)
    answered = teller.reached("overdue", "first_response", now_ms(), **SATO)
    await world.kpi.tell([meeting, answered])
    await world.kpi.counted(world.worker)
    later = await world.get("/kpi/clocks", if_none_match=answer.headers["etag"])
    assert later.json()["counts"] == {"overdue": 0, "due_soon": 1, "open": 4, "paused": 0, "exact": True}
    still = next(each for each in later.json()["items"] if each["lead_id"] == "still")
    assert still["due_at"] > now_ms() + 20 * HOUR


async def test_alerts_are_told_the_latest_first(world: FeedWorld) -> None:
    """By kind, owner, team and lead, page by page."""
    body = (await world.get("/kpi/alerts")).json()
    assert [each["kind"] for each in body["items"]] == ["escalated", "breached"]
    first = body["items"][0]
    assert (first["lead_id"], first["team"], first["policy_name"]["en"]) == (
        "overdue",
        "east",
        "First response",
    )
    for query, count in (
        ("kind=breached", 1),
        ("team=east", 2),
        ("owner=abe@firm.example", 0),
        ("lead_id=soon", 0),
    ):
        assert len((await world.get(f"/kpi/alerts?{query}")).json()["items"]) == count, query
    walked: list[str] = []
    path: str | None = "/kpi/alerts?limit=1"
    while path:
        answer = await world.get(path)
        walked += [each["kind"] for each in answer.json()["items"]]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert walked == ["escalated", "breached"]


async def test_bad_parameters_are_named(world: FeedWorld) -> None:
    """With the mend, as elsewhere."""
    for path, named in (
        ("/kpi/clocks?state=late", "state"),
        ("/kpi/clocks?due_within=soon", "due_within"),
        ("/kpi/clocks?due_within=99d", "due_within"),
        ("/kpi/clocks?segment=colour:red", "segment"),
        ("/kpi/clocks?cursor=eA", "cursor"),
        ("/kpi/clocks?owners=x", "owners"),
        ("/kpi/alerts?kind=loud", "kind"),
        ("/kpi/alerts?cursor=eA", "cursor"),
        ("/kpi/events?clocks=all", "clocks"),
    ):
        answer = await world.get(path)
        assert (answer.status_code, answer.json()["reason"]) == (400, "bad-parameter"), path
        assert f"`{named}`" in answer.json()["detail"]


async def test_who_listens_hears_what_becomes_overdue_and_what_is_no_more(world: FeedWorld) -> None:
    """All at first, then what is new: by a fact, or because the deadline passed without one."""
    stream = EventStream(world.server.port, "/kpi/events?clocks=overdue")

    def told() -> list[Any]:
        return [data for _, event, _, data in stream.arrived if event == "clocks"]

    async with stream.open():
        await wait_until(lambda: bool(told()), description="what is overdue now")
        whole = told()[0]
        assert whole["reset"] is True
        assert [each["lead_id"] for each in whole["entered"]] == ["overdue"]
        assert (whole["counts"]["overdue"], whole["counts"]["open"]) == (1, 5)
        teller = Teller(first=50)
        due_at = now_ms() + 1_500
        await world.kpi.tell([teller.reached("next", "mql", due_at - DAY, **SATO)])
        await wait_until(
            lambda: any(each["lead_id"] == "next" for data in told() for each in data["entered"]),
            description="its deadline passed",
        )
        entered = next(data for data in told() if any(each["lead_id"] == "next" for each in data["entered"]))
        assert entered["reset"] is False
        assert entered["at"] >= due_at == entered["entered"][0]["due_at"]
        await world.kpi.tell([teller.reached("overdue", "first_response", now_ms(), **SATO)])
        await wait_until(
            lambda: any(each["lead_id"] == "overdue" for data in told() for each in data["left"]),
            description="it was answered",
        )
        assert told()[-1]["counts"]["overdue"] == 1
        seen = stream.arrived[-1][2]
    both = EventStream(
        world.server.port, "/kpi/events?clocks=overdue&metrics=mqls&window=7d", Last_Event_ID=seen
    )
    async with both.open():
        await wait_until(lambda: both.value is not None, description="figures")
        await world.kpi.tell([teller.reached("next", "first_response", now_ms(), **SATO)])
        await wait_until(
            lambda: any(event == "clocks" for _, event, _, _ in both.arrived), description="it was answered"
        )
        first = next(data for _, event, _, data in both.arrived if event == "clocks")
        assert (first["reset"], [each["lead_id"] for each in first["left"]]) == (False, ["next"])
