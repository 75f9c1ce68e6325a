"""Facts that can't be true, in every field of every event: each is one dead letter, and nothing is counted by it."""

import json
from base64 import b64decode
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args
from uuid import uuid4

import pytest
import pytest_asyncio

from schemas.dead_letters import DeadLettered
from schemas.envelope import Envelope
from schemas.lifecycle import LifecycleFact
from schemas.reading import read
from schemas.topics import DEAD_LETTERS, LIFECYCLE
from services.kpi.adapters.lead_codec import decode, encode
from services.kpi.application.told import AHEAD_MS, EARLIEST_AT, MOST_AMOUNT, MOST_CYCLES
from services.kpi.consumers.clocks import LeadClocks
from services.kpi.consumers.counts import CountProcessor
from services.kpi.consumers.promised import Promised
from services.kpi.domain.rules import CountingRules
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rulebook import Rulebook
from services.runtime.keys import ShardId
from services.runtime.log.port import LogRecord
from services.runtime.mechanism import Mechanism
from services.runtime.shard import open_shard
from tests.integration.kpi_world import FORMS, KpiWorld, kpi_world
from tests.kpi_facts import DAY, HOUR, START, Teller

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = START + 30 * DAY
PROMISE = Policy(
    name="response",
    starts=("mql", "cycle-started"),
    stops=("first_response", "activity:*"),
    targets=(Target(budget_ms=HOUR),),
)
GOOD: Mapping[str, dict[str, Any]] = {
    "score-changed": {"score": 3, "previous": 1, "reasons": {}, "changed_at": START},
    "milestone-reached": {
        "milestone": "mql",
        "cycle": 1,
        "reached_at": START,
        "amount": 5,
        "currency": "JPY",
    },
    "milestone-retracted": {"milestone": "mql", "cycle": 1, "previous_at": START},
    "activity-logged": {"key": "x:Task:1", "activity": "call", "at": START},
    "activity-retracted": {"key": "x:Task:1", "previous_at": START},
    "handoff-offered": {"cycle": 1, "handoff": "mql", "qualified_at": START, "offered_at": START + HOUR},
    "cycle-started": {"cycle": 2, "started_at": START},
    "lead-erased": {"erased_at": START},
    "lead-merged": {"into": "another", "merged_at": START},
}
"""A good event of each type, by which the bad ones differ in one field."""

INSTANTS = {
    ("score-changed", "changed_at"),
    ("milestone-reached", "reached_at"),
    ("activity-logged", "at"),
    ("handoff-offered", "qualified_at"),
    ("handoff-offered", "offered_at"),
    ("cycle-started", "started_at"),
    ("lead-erased", "erased_at"),
    ("lead-merged", "merged_at"),
}
IMPOSSIBLE = {"1970": 0, "1999": EARLIEST_AT - 1, "1900": -2_208_988_800_000, "too far": NOW + AHEAD_MS + 1}
MISTYPED: Mapping[str, Any] = {"a word": "soon", "nothing": None, "a half": 0.5, "beyond": 1 << 70}


@dataclass(frozen=True, slots=True)
class Bad:
    """A good event with something wrong: `data` and `envelope` take the place of what is there."""

    kind: str
    reason: str
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    envelope: dict[str, Any] = field(default_factory=dict[str, Any])
    value: bytes | None = b"-"
    key: str = "ann"


def bad_instants() -> dict[str, Bad]:
    """Return facts with an instant that can't be, or isn't one, in each field that holds one."""
    found: dict[str, Bad] = {}
    for kind, name in sorted(INSTANTS):
        for what, at in IMPOSSIBLE.items():
            found[f"{kind} {name} {what}"] = Bad(kind, "impossible-time", {name: at})
        for what, value in MISTYPED.items():
            found[f"{kind} {name} {what}"] = Bad(kind, "bad-event", {name: value})
    return found


def bad_of_each_type() -> dict[str, Bad]:
    """Return for each type of event what can be wrong with its envelope, and with fields that several types have."""
    found: dict[str, Bad] = {}
    for kind, data in GOOD.items():
        found |= {
            f"{kind} sent in 1970": Bad(kind, "impossible-time", envelope={"time": "1970-01-01T00:00:00Z"}),
            f"{kind} sent in 9999": Bad(kind, "impossible-time", envelope={"time": "9999-12-31T23:59:59Z"}),
            f"{kind} of nobody": Bad(kind, "bad-event", envelope={"subject": ""}),
            f"{kind} of a blank": Bad(kind, "wrong-lead", envelope={"subject": " "}, key=" "),
            f"{kind} of another": Bad(kind, "wrong-lead", key="bob"),
            f"{kind} without a key": Bad(kind, "wrong-lead", key=""),
            f"{kind} without data": Bad(kind, "bad-event", envelope={"data": None}),
            f"{kind} cut off": Bad(kind, "not-json", value=b'{"type": "tasuki.lif'),
        }
        if "cycle" in data:
            for cycle, reason in (
                (0, "bad-event"),
                (-1, "bad-event"),
                (MOST_CYCLES + 1, "impossible-number"),
                (1 << 62, "impossible-number"),
                (10**40, "impossible-number"),
            ):
                found[f"{kind} cycle {cycle}"] = Bad(kind, reason, {"cycle": cycle})
        if "key" in data:
            found[f"{kind} key empty"] = Bad(kind, "no-key", {"key": ""})
            found[f"{kind} key none"] = Bad(kind, "bad-event", {"key": None})
        if "milestone" in data:
            found[f"{kind} milestone unknown"] = Bad(kind, "bad-event", {"milestone": "melted"})
    return found


def bad_in_other_ways() -> dict[str, Bad]:
    """Return facts with wrong amounts, wrong persons, and records that are no events."""
    found: dict[str, Bad] = {}
    for amount, reason in (
        (-1, "negative-amount"),
        (-(10**30), "negative-amount"),
        (MOST_AMOUNT + 1, "impossible-number"),
        (1 << 64, "impossible-number"),
        (0.5, "bad-event"),
        ("much", "bad-event"),
    ):
        found[f"amount {amount}"] = Bad("milestone-reached", reason, {"amount": amount})
    standing: dict[str, Any] = {"origin": "sdr", "owner": None, "segments": {}}
    for what, wrong in {
        "origin": {"origin": "xdr"},
        "segments": {"segments": {"source": ["a"]}},
        "owner": {"owner": 5},
    }.items():
        found[f"standing {what}"] = Bad("activity-logged", "bad-event", {"standing": standing | wrong})
    found |= {
        "an offer of neither": Bad("handoff-offered", "bad-event", {"handoff": "deal"}),
        "a type of tomorrow": Bad(
            "lead-erased", "unknown-type", envelope={"type": "tasuki.lifecycle.sung.v1"}
        ),
        "no type": Bad("lead-erased", "unknown-type", envelope={"type": None}),
        "a tombstone": Bad("lead-erased", "not-json", value=None),
        "nothing": Bad("lead-erased", "not-json", value=b""),
        "no text": Bad("lead-erased", "not-json", value=b"\xff\xfe\x00"),
        "half a pair": Bad("lead-erased", "not-json", value=b'{"id": "\\ud800"}'),
        "not a number": Bad("lead-erased", "not-json", value=b'{"id": NaNN}'),
        "a list": Bad("lead-erased", "bad-event", value=b"[]"),
        "too deep": Bad("lead-erased", "not-json", value=b"[" * 100_000),
    }
    return found


BAD = bad_instants() | bad_of_each_type() | bad_in_other_ways()


def value_of(bad: Bad) -> bytes | None:
    """Return the bytes of *bad*."""
    if bad.value != b"-":
        return bad.value
    standing: dict[str, Any] = (
        {}
        if bad.kind in {"score-changed", "cycle-started", "lead-erased", "lead-merged"}
        else {"standing": {"origin": "sdr", "owner": "sato", "segments": {}}}
    )
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "0-77-f0",
        "source": "/tasuki/sync",
        "subject": "ann",
        "time": "2026-10-22T00:00:00.000Z",
        "type": f"tasuki.lifecycle.{bad.kind}.v1",
        "data": GOOD[bad.kind] | standing | bad.data,
        **bad.envelope,
    }
    return json.dumps(event).encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncGenerator[KpiWorld]:
    """Give one world to all tests; each counts under a name of its own."""
    async with kpi_world() as found:
        yield found


def surroundings() -> list[tuple[str, bytes | None]]:
    """Return good facts of the lead and of another, before and after which the bad one comes."""
    teller = Teller()
    for lead in ("ann", "bob"):
        teller.reached(lead, "lead", START - HOUR, amount=7, currency="JPY")
        teller.reached(lead, "mql", START, holder="sato")
        teller.did(lead, f"x:Task:{lead}", START + 2 * HOUR, by="sato")
        teller.tell("cycle-started", lead, cycle=2, started_at=START + DAY)
    return [(each.subject, each.model_dump_json().encode()) for each in teller.told]


async def folded(
    world: KpiWorld, given: list[tuple[str, bytes | None]]
) -> tuple[dict[str, object], list[DeadLettered]]:
    """Fold *given* in one batch; return what the shard then keeps, and the dead letters."""
    shard_id = ShardId(f"k{uuid4().hex[:10]}", LIFECYCLE.name, 0)
    failures: list[BaseException] = []
    clocks = LeadClocks(
        promised=Promised(book=Rulebook.of([PROMISE]), from_at=0),
        log=world.log,
        forms=FORMS,
        clock=lambda: NOW,
        failed=failures.append,
    )
    processor = CountProcessor(
        rules=CountingRules(),
        encode=encode,
        decode=decode,
        clock=lambda: NOW,
        failed=failures.append,
        clocks=clocks,
    )
    mechanism = Mechanism(store=world.store, log=world.log, clock=lambda: NOW)
    shard = await open_shard(shard_id, mechanism, on_ended=lambda _shard, why: failures.append(why))
    await processor.opened(shard)
    records = [
        LogRecord(LIFECYCLE.name, 0, offset, key, value, {}, NOW) for offset, (key, value) in enumerate(given)
    ]
    async with shard.turn() as turn:
        fold = await processor.fold(shard, records)
        await turn.commit(fold.operations, new_offset=len(records) - 1)
    await processor.closed(shard)
    assert failures == []
    letters = [each.record.value for each in fold.emissions if each.record.topic == DEAD_LETTERS.name]
    events = [read(DEAD_LETTERS, each) for each in letters]
    return await _kept(world, shard_id), [each for each in events if isinstance(each, DeadLettered)]


async def _kept(world: KpiWorld, shard: ShardId) -> dict[str, object]:
    found: dict[str, object] = {}
    client = world.store.client
    async for key in client.scan_iter(match=f"{shard.tag}*"):
        name = key.decode().removeprefix(shard.tag)
        if name.startswith(("n:", "s:")):
            found[name] = await client.hgetall(key)
        elif name in {"timers", "deadlines"}:
            found[name] = await client.zrange(key, 0, -1, withscores=True)
        elif name.startswith(("lead:", "clock:")):
            found[name] = await client.get(key)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clean(world: KpiWorld) -> dict[str, object]:
    """Give what a shard keeps that never saw a bad fact."""
    kept, letters = await folded(world, surroundings())
    assert letters == []
    assert {"deadlines", "clock:ann", "lead:ann"} <= kept.keys()
    return kept


@pytest.mark.parametrize("what", BAD)
async def test_each_bad_fact_is_one_dead_letter_and_counts_nothing(
    world: KpiWorld, clean: dict[str, object], what: str
) -> None:
    """Its reason and its bytes are kept; leads, counters and clocks are those without it."""
    bad, good = BAD[what], surroundings()
    value = value_of(bad)
    half = len(good) // 2
    kept, (letter,) = await folded(world, [*good[:half], (bad.key, value), *good[half:]])
    assert letter.data.reason == bad.reason
    assert b64decode(letter.data.body) == (value or b"")
    assert letter.data.origin == f"{LIFECYCLE.name}/0/{half}"
    assert letter.data.key == bad.key
    assert kept == clean


@pytest.mark.parametrize("kind", GOOD)
async def test_the_good_event_of_each_type_is_taken(world: KpiWorld, kind: str) -> None:
    """What the bad ones differ from is no dead letter itself."""
    _, letters = await folded(world, [("ann", value_of(Bad(kind, "")))])
    assert letters == []


async def test_a_correction_of_a_time_that_was_refused_is_taken(world: KpiWorld) -> None:
    """The time for which it was told before is no reason to refuse what mends it."""
    teller = Teller()
    wrong = teller.reached("ann", "mql", 0)
    mended = teller.reached("ann", "mql", START, previous_at=0)
    kept, letters = await folded(
        world, [(each.subject, each.model_dump_json().encode()) for each in (wrong, mended)]
    )
    assert [each.data.reason for each in letters] == ["impossible-time"]
    assert "clock:ann" in kept


async def test_ids_of_any_form_have_an_order_that_can_be_kept(world: KpiWorld) -> None:
    """Numbers without end in an id don't stop the partition."""
    ids = ("0-" + "9" * 5_000 + "-f0", "0-1-f" + "9" * 5_000, "0-٣-f0", "x" * 300)
    values = [value_of(Bad("milestone-reached", "", envelope={"id": each})) for each in ids]
    kept, letters = await folded(world, [("ann", each) for each in values])
    assert letters == []
    assert "lead:ann" in kept


async def test_every_instant_and_every_type_of_the_lifecycle_is_tried() -> None:
    """A field that is added must be judged as well; only the time of what was told before isn't."""
    instants: set[tuple[str, str]] = set()
    kinds: set[str] = set()
    for event in get_args(get_args(LifecycleFact)[0]):
        assert issubclass(event, Envelope)
        kind = event.model_fields["type"].default.removeprefix("tasuki.lifecycle.").removesuffix(".v1")
        kinds.add(kind)
        data: Any = event.model_fields["data"].annotation
        instants |= {(kind, name) for name in data.model_fields if name == "at" or name.endswith("_at")}
    assert kinds == GOOD.keys()
    assert {each for each in instants if each[1] != "previous_at"} == INSTANTS
