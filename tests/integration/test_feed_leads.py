"""The facts behind each number, and what is known of one lead: over a real server."""

import base64
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from random import Random
from typing import Any

import orjson
import pytest

from schemas.dead_letters import DeadLetter, DeadLettered
from schemas.decisions import Candidate, Decision, Decisions, FieldsDecided
from schemas.topics import DEAD_LETTERS, DECISIONS
from services.kpi.adapters.stored_leads import StoredLeads
from services.kpi.application.behind import Backing, Part
from services.kpi.application.history import Histories
from services.kpi.application.lead_store import TooMany
from services.kpi.application.reading import Ask
from services.kpi.consumers.promised import Promised
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rulebook import Rulebook
from services.kpi.domain.windows import Range
from services.runtime.clock import now_ms
from services.runtime.log.port import Record
from tests.integration.feed_world import RULES, FeedWorld, feed_world
from tests.integration.kpi_world import PARTITIONS
from tests.kpi_facts import DAY, HOUR, MINUTE, Teller
from tests.waiting import wait_until

PROMISES = Promised(
    book=Rulebook.of(
        [
            Policy(
                name="response", starts=("mql",), stops=("first_response",), targets=(Target(budget_ms=DAY),)
            )
        ]
    ),
    from_at=0,
)
OWNERS = ("sato@firm.example", "abe@firm.example", None)
SECRET = "hanako@example.jp"


def history(now: int) -> Teller:
    """Tell of forty leads over a month: late, corrected, taken back, in two cycles, of changing owners."""
    chance, teller = Random(7), Teller()
    funnel = (
        "lead",
        "mql",
        "first_response",
        "sql",
        "appointment",
        "opportunity",
        "effective_opportunity",
        "won",
    )
    for number in range(40):
        lead, at = f"lead-{number}", now - chance.randrange(1, 30 * DAY)
        who: dict[str, Any] = {
            "origin": chance.choice(["sdr", "bdr"]),
            "segments": {
                "source": chance.choice(["web", "展示会"]),
                "customer": chance.choice(["", "existing"]),
            },
        }
        for milestone in funnel[: chance.randrange(1, 9)]:
            at = min(at + chance.randrange(3 * DAY), now - MINUTE)
            cycle = 1 if milestone == "lead" or number % 5 else 2
            teller.reached(
                lead,
                milestone,
                at,
                cycle=cycle,
                amount=5_000,
                currency="JPY",
                holder=chance.choice(OWNERS),
                **who,
            )
            if chance.random() < 0.15:
                teller.reached(lead, milestone, at - chance.randrange(2 * DAY), cycle=cycle, **who)
            elif chance.random() < 0.1:
                teller.retracted(lead, milestone, at, cycle=cycle, **who)
        if number % 3 == 0:
            teller.tell(
                "handoff-offered",
                lead,
                cycle=1,
                handoff="mql",
                qualified_at=at - 6 * DAY,
                offered_at=at - 5 * DAY,
                **who,
            )
        for call in range(chance.randrange(4)):
            outcome = chance.choice(["busy", "Connected", "有効会話", None])
            when, kind = now - chance.randrange(1, 20 * DAY), chance.choice(["call", "email"])
            teller.did(
                lead, f"x:{number}:{call}", when, kind, by=chance.choice(OWNERS), outcome=outcome, **who
            )
    chance.shuffle(teller.told)
    return teller


@pytest.fixture
async def world() -> AsyncGenerator[FeedWorld]:
    """Give a feed over a month of forty leads, told in no order."""
    async with feed_world(promises=PROMISES) as found:
        await found.kpi.tell(history(now_ms()).told)
        await found.kpi.counted(found.worker)
        yield found


def _days() -> str:
    """Return a time that holds all that was told."""
    first, last = (datetime.fromtimestamp((now_ms() + days * DAY) / 1000, UTC).date() for days in (-45, 3))
    return f"from={first}&to={last}"


async def _within_a_minute(
    world: FeedWorld, name: str, query: str, part: str
) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    """Return the figure, the last page and all that is listed; windows move on with the minute, so ask within one."""
    while True:
        minute = now_ms() // MINUTE
        figure = (await world.get(f"/kpi/metrics/{name}?{query}")).json()["figure"]
        found: list[Any] = []
        path: str | None = f"/kpi/metrics/{name}/leads?{query}&part={part}&limit=23"
        body: Any = None
        while path:
            answer = await world.get(path)
            body = answer.json()
            found += body["items"]
            path = answer.links["next"]["url"] if "next" in answer.links else None
        if now_ms() // MINUTE == minute:
            return figure, body, found


async def _agrees(world: FeedWorld, name: str, query: str, part: str) -> int:
    """Compare what is listed, page by page, with the figure of the same query; return how many there are."""
    figure, body, found = await _within_a_minute(world, name, query, part)
    assert (body["total"], body["range"]) == (len(found), figure["range"]), (name, query)
    assert len({orjson.dumps(each) for each in found}) == len(found)
    assert [each["at"] for each in found] == sorted((each["at"] for each in found), reverse=True)
    assert all(figure["range"]["from_at"] <= each["at"] < figure["range"]["to_at"] for each in found)
    if name == "won_amount":
        assert body["amount"] == sum(each["amount"] for each in found) == figure["value"]
    else:
        assert len(found) == figure[part], (name, query)
    if METRICS[name].unit == "people":
        assert len({each["lead_id"] for each in found}) == figure["value"]
    return len(found)


async def test_as_many_facts_are_listed_as_each_figure_says(world: FeedWorld) -> None:
    """The whole catalogue, both terms, both readings, windows of minutes and of days, segments."""
    day = _days()
    for name, metric in METRICS.items():
        both = ("numerator", "denominator") if metric.unit == "rate" else ("numerator",)
        for part in both:
            seen = await _agrees(world, name, day, part)
            assert seen or name == "opportunities_existing", name
            for query in ("window=7d", "window=24h", "window=7d&segment=owner:sato@firm.example"):
                await _agrees(world, name, query, part)
            if part == "numerator" and "cohort" in repr(metric.formula):
                await _agrees(world, name, "window=30d&reading=cohort", part)
                await _agrees(world, name, "window=30d&reading=cohort&within_days=30&segment=role:sdr", part)


async def test_the_list_follows_a_correction_and_keeps_what_was_counted_of_an_erased_lead(
    world: FeedWorld,
) -> None:
    """A retracted milestone leaves both; an erasure leaves both as they are, for what was counted stands."""
    query, name = _days(), "mqls"
    before = await _agrees(world, name, query, "numerator")
    items = (await world.get(f"/kpi/metrics/{name}/leads?{query}")).json()["items"]
    teller = Teller(first=10_000)
    first = items[0]
    teller.retracted(first["lead_id"], "mql", first["at"], cycle=first["cycle"])
    teller.told.append(
        Teller(first=20_000).tell("cycle-started", items[1]["lead_id"], cycle=3, started_at=now_ms())
    )
    await world.kpi.tell(teller.told)
    event = {
        "type": "tasuki.lifecycle.lead-erased.v1",
        "id": "0-30000-f0",
        "source": "/tasuki/sync",
        "subject": items[2]["lead_id"],
        "time": "2026-09-22T00:00:00.000Z",
        "specversion": "1.0",
        "data": {"erased_at": now_ms()},
    }
    await world.kpi.append([Record("tasuki.lifecycle.v1", items[2]["lead_id"], orjson.dumps(event))])
    await world.kpi.counted(world.worker)
    assert await _agrees(world, name, query, "numerator") == before - 1


async def test_a_lead_is_told_with_its_rounds_and_both_delays_apart() -> None:
    """Facts by their times; a promise kept late; the system's delay and the rep's, never added."""
    async with feed_world(promises=PROMISES) as world:
        now, teller = now_ms(), Teller()
        start = now - 40 * HOUR
        who: dict[str, Any] = {"holder": "sato@firm.example", "segments": {"source": "web"}}
        teller.reached("ann", "lead", start - HOUR, **who)
        teller.reached("ann", "mql", start, **who)
        offered: dict[str, Any] = {
            "cycle": 1,
            "handoff": "mql",
            "qualified_at": start,
            "offered_at": start + 9_000,
        }
        teller.tell("handoff-offered", "ann", **offered, **who)
        teller.reached("ann", "first_response", start + 30 * HOUR, **who)
        teller.did("ann", "x:1", start + HOUR, outcome="busy", by="abe@firm.example", **who)
        await world.kpi.tell(teller.told)
        await world.kpi.counted(world.worker)

        answer = await world.get("/kpi/leads/ann")
        body = answer.json()
        assert (body["owner"], body["team"], body["stage"], body["cycle"]) == (
            "sato@firm.example",
            "east",
            "first_response",
            1,
        )
        assert [each["milestone"] or each["activity"] or each["handoff"] for each in body["facts"]] == [
            "lead",
            "mql",
            "mql",
            "call",
            "first_response",
        ]
        (clock,) = body["clocks"]
        (only,) = clock["rounds"]
        assert (only["state"], only["met"], only["due_at"], only["ending"]) == (
            "met-late",
            False,
            start + DAY,
            "stopped",
        )
        assert (only["elapsed_ms"], only["overdue_ms"], only["running"]) == (30 * HOUR, 6 * HOUR, False)
        assert body["delays"] == [
            {"cycle": 1, "handoff": "mql", "system_ms": 9_000, "rep_ms": 30 * HOUR - 9_000}
        ]
        again = await world.get("/kpi/leads/ann", if_none_match=answer.headers["etag"])
        assert again.status_code == 304
        assert (await world.get("/kpi/leads/nobody")).json()["reason"] == "no-such-lead"


async def test_a_lead_s_history_is_told_from_all_topics_without_what_is_personal() -> None:
    """Facts, decisions, alerts and dead letters in the order of time, page by page, each once."""
    async with feed_world(promises=PROMISES) as world:
        now, teller = now_ms(), Teller()
        teller.reached("ann", "mql", now - 25 * HOUR)
        teller.reached("ben", "mql", now - HOUR)
        teller.did("ann", "x:1", now - HOUR, outcome="busy")
        await world.kpi.append([*_around(now), *_around(now)])  # an append repeated after a timeout
        await world.kpi.tell(teller.told)
        await world.kpi.counted(world.worker)

        async def breached() -> bool:
            return bool(await world.kpi.alerts())

        await wait_until(breached, description="the breach is told")
        body = (await world.get("/kpi/leads/ann/timeline")).json()
        assert [(each["kind"], each["what"]) for each in body["items"]] == [
            ("decision", "fields-decided"),
            ("dead-letter", "refused"),
            ("fact", "milestone-reached"),
            ("fact", "activity-logged"),
            ("alert", "breached"),
        ]
        assert SECRET not in (await world.get("/kpi/leads/ann/timeline")).text
        assert body["items"][0]["data"]["decisions"][0]["sides"] == [{"side": "ma", "changed_at": now}]
        walked: list[str] = []
        path: str | None = "/kpi/leads/ann/timeline?limit=1"
        while path:
            answer = await world.get(path)
            walked += [each["id"] for each in answer.json()["items"]]
            path = answer.links["next"]["url"] if "next" in answer.links else None
        assert sorted(set(walked)) == sorted(each["id"] for each in body["items"])
        few = Histories(world.kpi.log, most_read=1)
        found, start = list[str](), dict[str, int]()
        for _ in range(20):
            page = await few.of("ann", start, 200)
            found += [each.id for each in page.entries]
            if page.next is None:
                break
            start = dict(page.next)
        assert set(found) == set(walked)


def _around(now: int) -> list[Record]:
    """Return what the other topics say of ann, with something personal in it."""
    decided = FieldsDecided(
        id="0-1-d0",
        source="/tasuki/sync",
        subject="ann",
        time="2026-09-22T00:00:00.000Z",
        data=Decisions(
            decided_at=now - 30 * HOUR,
            decisions=[
                Decision(
                    field="email",
                    rule="ma",
                    value=SECRET,
                    winner="ma",
                    candidates=[Candidate(side="ma", value=SECRET, changed_at=now)],
                )
            ],
        ),
    )
    letter = DeadLettered(
        id="0-2-x",
        source="/tasuki/sync",
        subject="ann",
        time="2026-09-22T00:00:00.000Z",
        data=DeadLetter(
            reason="refused",
            detail=f"{SECRET} is no address",
            origin="salesforce",
            key="ann",
            body=base64.b64encode(SECRET.encode()).decode(),
            attempts=2,
            failed_at=now - 29 * HOUR,
        ),
    )
    return [
        Record(DECISIONS.name, "ann", decided.model_dump_json().encode()),
        Record(DEAD_LETTERS.name, "ann", letter.model_dump_json().encode()),
    ]


async def test_what_can_not_be_listed_is_refused(world: FeedWorld) -> None:
    """Too many leads, a denominator of what has none, a bad cursor; tables are to be had of all."""
    for path, reason in (
        ("/kpi/metrics/mqls/leads?part=denominator", "no-denominator"),
        ("/kpi/metrics/mqls/leads?part=both", "bad-parameter"),
        ("/kpi/metrics/mqls/leads?cursor=eA", "bad-parameter"),
        ("/kpi/metrics/nonsense/leads", "no-such-metric"),
        ("/kpi/leads/lead-1/timeline?cursor=eA", "bad-parameter"),
    ):
        answer = await world.get(path)
        assert answer.json()["reason"] == reason, path
    leads = StoredLeads(world.kpi.store, service=world.kpi.service, partitions=PARTITIONS)
    few = Backing(leads, world.kpi.readings(RULES), most=3)
    now = now_ms()
    with pytest.raises(TooMany):
        await few.of(Ask(metric="leads", range=Range(now - 40 * DAY, now)), Part.NUMERATOR, now=now)
    for path in (
        "/kpi/metrics/calls/leads",
        "/kpi/leads/lead-1",
        "/kpi/leads/lead-1/timeline",
        "/kpi/alerts",
    ):
        table = await world.get(f"{path}?format=csv")
        assert (table.status_code, len(table.text.splitlines()) > 1) == (200, True), path


async def test_pages_after_the_first_are_of_its_instant(world: FeedWorld) -> None:
    """What is told meanwhile is in a new list, not in the next page; one that is no longer kept goes on where it was."""
    path = f"/kpi/metrics/calls/leads?{_days()}&limit=5"
    first = (await world.get(path)).json()
    again = await world.get(path)
    teller = Teller(first=1_000)
    teller.did("lead-1", "x:late", now_ms() - 2 * DAY, "call")
    await world.kpi.tell(teller.told)
    await world.kpi.counted(world.worker)
    following = await world.get(f"{path}&cursor={first['next_cursor']}")
    second = following.json()
    assert again.json() == first
    assert {name: second[name] for name in ("at", "offsets", "total")} == {
        name: first[name] for name in ("at", "offsets", "total")
    }
    assert (await world.get(f"{path}&cursor={first['next_cursor']}")).headers["etag"] == following.headers[
        "etag"
    ]
    said = base64.b64decode(first["next_cursor"] + "==", altchars=b"-_").decode()
    lost = base64.b64encode(("gone" + said[said.index("\n") :]).encode(), altchars=b"-_").decode().rstrip("=")
    anew = (await world.get(f"{path}&cursor={lost}")).json()
    assert anew["total"] == first["total"] + 1
    assert [each["key"] for each in anew["items"] if each["key"] != "x:late"][:4] == [
        each["key"] for each in second["items"]
    ][:4]
