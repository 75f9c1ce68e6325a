"""Alerts as tasks in the sales tool: both services as `tasuki up` runs them, over both sandboxes."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.requests import Task, TaskWanted
from schemas.topics import DEAD_LETTERS, LIFECYCLE, REQUESTS, Topic
from services.cli.stage.books import Books
from services.cli.stage.quiet import quiet
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage
from services.runtime.clock import now_ms
from services.runtime.log.port import Record
from services.sync.domain.records import Side
from tests.waiting import wait_until

SATO, SUZUKI, TANAKA = (f"{name}@sandbox.example" for name in ("sato", "suzuki", "tanaka"))
STRANGER = "head@elsewhere.example"
ANSWERED = "Working - Contacted"
SECTIONS: Mapping[str, Any] = {
    "sla": [
        {
            "name": "response",
            "label_ja": "MQL対応",
            "starts": ["mql"],
            "stops": ["first_response", "activity:call", "activity:task"],
            "targets": [{"within": "1s"}],
            "breach_notify": ["owner", "team-lead"],
        }
    ],
    "people": [{"email": each, "name": each.partition("@")[0]} for each in (SATO, SUZUKI, TANAKA, STRANGER)],
    "roles": [{"role": "team-lead", "person": TANAKA}],
    "sinks": [{"name": "tasks", "kind": "sales-task"}],
    "routes": [{"sink": "tasks", "least": "breach"}],
    # Inbound leads are sato's and suzuki's; who answers for the team is somebody else.
    "assignment": {"sdr": [SATO, SUZUKI], "bdr": [SATO], "field_sales": [SUZUKI]},
}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Give both sandboxes and both services, which promise an answer within a second."""
    async with Stage(tmp_path, overrides=SECTIONS) as made:
        yield made


def mqls(count: int) -> list[Act]:
    """Return the acts by which *count* contacts come that qualify at once."""
    fields = {"lastname": "山田", "company": "A社", "num_conversion_events": "2", "document_downloads": "3"}
    emails = [f"p{number}@tasks.example" for number in range(count)]
    return [
        Act(act="create", object="contact", key=each, fields={**fields, "email": each}) for each in emails
    ]


async def tasks(stage: Stage) -> list[dict[str, Any]]:
    """Return the tasks that alerts asked for, each with the ids that it has; those of handoffs are others."""
    found = [each["fields"] async for each in stage.sfa.records("Task")]
    return [each for each in found if str(each.get("Subject")).startswith("[tasuki]")]


async def events(books: Books, topic: Topic) -> list[Any]:
    """Return what is on *topic*."""
    offsets = await books.log.offsets(topic.name)
    pages = [await books.log.read(topic.name, each, 0, limit=5_000) for each in offsets]
    return [orjson.loads(each.value or b"") for page in pages for each in page]


async def has_tasks(stage: Stage, count: int, **state: Any) -> list[dict[str, Any]]:
    """Wait for *count* tasks that are as *state* says, and return them."""
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        found[:] = [each for each in await tasks(stage) if state.items() <= each.items()]
        return len(found) >= count

    await wait_until(there, within_s=40, description=f"{count} tasks {state}", every_s=0.1)
    return found


async def rest(stage: Stage, books: Books) -> None:
    """Return when nothing is under way."""
    await quiet([stage.ma, stage.sfa], books, within_s=30)


@pytest.mark.timeout(120)
async def test_a_breach_is_a_task_for_each_who_is_told_until_the_lead_is_answered(stage: Stage) -> None:
    """The task counts as nobody's deed, also when a rep completes it; the late answer completes the other."""
    async with stage.open_books() as books:
        await stage.sfa.faults({"outage": True})
        await stage.ma.act(mqls(1))
        await wait_until(lambda: _requested(books, 2), within_s=30, description="it is asked for")
        await stage.sfa.faults({})
        found = await has_tasks(stage, 2)
        await rest(stage, books)
        (lead,) = [each async for each in stage.sfa.records("Lead")]
        users = stage.owners()[Side.SFA]
        owner = lead["fields"]["OwnerId"]
        assert {each["OwnerId"] for each in found} == {
            owner,
            *(key for key, email in users.items() if email == TANAKA),
        }
        assert {(each["WhoId"], each["IsClosed"]) for each in found} == {(lead["id"], False)}
        assert all("期限超過: MQL対応" in each["Subject"] and each["ActivityDate"] for each in found)

        # One of the two is ticked off, as a rep does; the promise is as broken as before.
        (own,) = [each async for each in stage.sfa.records("Task") if _is(each, owner)]
        await stage.sfa.act([Act(act="update", object="Task", id=own["id"], fields={"Status": "Completed"})])
        await rest(stage, books)
        told = await events(books, LIFECYCLE)
        assert not [each for each in told if each["type"].startswith("tasuki.lifecycle.activity")]
        assert await stage.overdue() == 1

        # The answer: what is still open is completed, and no task is made of the recovery.
        await stage.sfa.act([Act(act="update", object="Lead", id=lead["id"], fields={"Status": ANSWERED})])
        await has_tasks(stage, 2, IsClosed=True)
        await rest(stage, books)
        assert len(await tasks(stage)) == 2
        assert await stage.overdue() == 0
        assert await events(books, DEAD_LETTERS) == []


def _is(task: Mapping[str, Any], owner: str) -> bool:
    fields = task["fields"]
    return str(fields.get("Subject")).startswith("[tasuki]") and fields["OwnerId"] == owner


async def _requested(books: Books, count: int) -> bool:
    return len(await events(books, REQUESTS)) >= count


@pytest.mark.timeout(180)
async def test_killed_in_between_each_alert_is_one_task(stage: Stage) -> None:
    """Again and again while tasks are asked for, made and completed, over a vendor that loses answers."""
    leads = 6
    await stage.sfa.faults({"reset": 0.1, "server_error": 0.05, "seed": 7})
    async with stage.open_books() as books:
        await stage.ma.act(mqls(leads))
        for count in (1, 8):
            await wait_until(
                lambda count=count: _requested(books, count), within_s=60, description=f"{count} requests"
            )
            await stage.kill_service()
        await has_tasks(stage, 2 * leads)
        records = [each async for each in stage.sfa.records("Lead")]
        answers = [
            Act(act="update", object="Lead", id=each["id"], fields={"Status": ANSWERED}) for each in records
        ]
        await stage.sfa.act(answers)
        await stage.kill_service()
        await has_tasks(stage, 2 * leads, IsClosed=True)
        await stage.sfa.faults({})
        await rest(stage, books)
        found = await tasks(stage)
        ids = Counter(each["Tasuki_Id__c"] for each in found)
        assert (len(found), max(ids.values())) == (2 * leads, 1)
        assert stage.kills == 3
        assert await events(books, DEAD_LETTERS) == []


@pytest.mark.timeout(120)
async def test_a_request_follows_its_lead_and_says_where_it_can_not(stage: Stage) -> None:
    """To the lead that it went into; of an unknown one, and one that sales doesn't have, there is a letter."""
    one, two, cold = (f"{name}@tasks.example" for name in ("one", "two", "cold"))
    hot = {"lastname": "佐藤", "company": "B社", "num_conversion_events": "2", "document_downloads": "3"}
    async with stage.open_books() as books:
        # The clocks of these leads are left alone: what is asked here comes from elsewhere.
        await stage.ma.act(
            [
                Act(act="create", object="contact", key=each, fields={**hot, "email": each})
                for each in (one, two)
            ]
        )
        await stage.ma.act(
            [Act(act="create", object="contact", key=cold, fields={"email": cold, "lastname": "鈴木"})]
        )
        await has_tasks(stage, 4)
        await rest(stage, books)
        ids = {each: await books.lead_id_of(each) or "" for each in (one, two, cold)}
        went = max(ids[one], ids[two])
        merge = Act(act="merge", object="contact", key=one, other={"object": "contact", "key": two})
        await stage.ma.act([merge])
        await rest(stage, books)

        unknown = "01900000-0000-7000-8000-000000000000"
        asked = [_wanted(each) for each in (went, ids[cold], unknown)]
        asked += [_wanted(went, task="stranger", owner=STRANGER)]
        await books.log.append([*asked, asked[0]])
        await has_tasks(stage, 2, Description="by hand")
        await rest(stage, books)

        made = [each for each in await tasks(stage) if each["Description"] == "by hand"]
        assert sorted(each["Tasuki_Id__c"] for each in made) == [f"{went}:byhand", f"{went}:stranger"]
        assert (
            len({(each["WhoId"], each["OwnerId"]) for each in made}) == 1
        )  # of the lead that stays, its owner's
        letters = Counter(
            (each["data"]["reason"], each["subject"]) for each in await events(books, DEAD_LETTERS)
        )
        stays = min(ids[one], ids[two])
        assert letters == {
            ("no-sales-record", ids[cold]): 1,
            ("unknown-lead", unknown): 1,
            ("refused:UNMAPPABLE", stays): 1,
        }


def _wanted(lead_id: str, *, task: str = "byhand", owner: str | None = None) -> Record:
    told_at = now_ms()
    data = Task(
        lead_id=lead_id,
        policy="other",
        cycle=1,
        task=task,
        alert=f"alert-{task}",
        told_at=told_at,
        subject="[tasuki] by hand",
        body="by hand",
        owner=owner,
        due_at=told_at,
    )
    event = TaskWanted(
        id=f"{lead_id}-{task}", source="/test", subject=lead_id, time="2026-11-04T00:00:00.000Z", data=data
    )
    return Record(REQUESTS.name, lead_id, event.model_dump_json().encode())
