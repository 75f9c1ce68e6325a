"""The notifier on the embedded log and store, with receivers on loopback that take, fail, hang and repeat."""

import json
from base64 import b64decode
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas.alerts import AlertRetold, Retold
from schemas.dead_letters import DeadLettered
from schemas.topics import ALERTS
from services.configuration.parts import topic_specs
from services.errors import Misconfigured
from services.kpi.adapters.sinks import WebhookSink
from services.kpi.adapters.sinks.signature import HEADER, is_signed
from services.kpi.adapters.templates import Renderer
from services.kpi.application.notify import Sink
from services.kpi.consumers.notices import NoticeProcessor
from services.kpi.domain.notice_queue import message_id
from services.kpi.domain.notice_rules import NoticeRules, Route, SinkRule
from services.kpi.domain.notices import ClockKey, Live, Outcome
from services.runtime.clock import now_ms
from services.runtime.log.port import Record
from services.runtime.metric_catalogue import NOTICE_OUTCOMES
from tests.integration.notify_world import NotifyWorld, notify_world
from tests.notice_desk import MINUTE, alert
from tests.receivers import DROP, HANG, HttpReceiver, http_receiver, status
from tests.waiting import wait_until

SECRET = "a secret between us"


def rule(name: str, **options: Any) -> SinkRule:
    """Return a rule that neither waits nor limits unless *options* say so."""
    quick: dict[str, Any] = {
        "window_ms": 0,
        "limit": 0,
        "first_wait_ms": 20,
        "longest_wait_ms": 50,
        "timeout_ms": 5_000,
    }
    return SinkRule(name=name, **{**quick, **options})


def rules(*sinks: SinkRule, **options: Any) -> NoticeRules:
    """Return rules by which all alerts go to all of *sinks*."""
    return NoticeRules(
        sinks={each.name: each for each in sinks},
        routes=tuple(Route(sink=each.name) for each in sinks),
        **options,
    )


@pytest.fixture
async def world(redis_url: str) -> AsyncGenerator[NotifyWorld]:
    """Give a notifier's log and store."""
    async with notify_world(redis_url) as made:
        yield made


class Webhooks:
    """Webhook sinks that are closed at the end."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def to(self, rules: NoticeRules, **receivers: HttpReceiver) -> dict[str, Sink]:
        """Return a sink for each of *receivers*."""
        return {
            name: await self._stack.enter_async_context(
                WebhookSink(url=each.url(), secrets=[SECRET], renderer=Renderer(rules), clock=now_ms)
            )
            for name, each in receivers.items()
        }


@pytest.fixture
async def webhooks() -> AsyncGenerator[Webhooks]:
    """Give what makes webhook sinks."""
    async with AsyncExitStack() as stack:
        yield Webhooks(stack)


async def test_an_alert_arrives_signed_with_its_id(world: NotifyWorld, webhooks: Webhooks) -> None:
    """The body is what was signed, and the id is the alert's, in the header and in the body."""
    told = alert("breached", at=now_ms(), overdue_ms=5_000)
    which = rules(rule("hook"))
    async with (
        http_receiver() as receiver,
        world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier,
    ):
        await world.tell(told)
        (request,) = await receiver.has(1)
        await world.idle(notifier)

    assert is_signed(request.headers[HEADER.lower()], request.body, SECRET, now_ms())
    assert request.headers["idempotency-key"] == told.id == request.json["id"]
    (found,) = request.json["alerts"]
    assert (found["id"], found["lead_id"], found["overdue_ms"]) == (told.id, "lead-1", 5_000)
    assert found["link"].endswith("/leads/lead-1")
    assert await world.outcomes("hook") == {"delivered": 1}


async def test_alerts_of_a_moment_are_one_message(world: NotifyWorld, webhooks: Webhooks) -> None:
    """12 leads overdue, the most overdue first; the loop wakes by itself when the window ends."""
    which = rules(rule("hook", window_ms=300, language="en", most_lines=9))
    async with (
        http_receiver() as receiver,
        world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier,
    ):
        await world.tell(
            *(
                alert("breached", f"lead-{each:02}", at=now_ms(), overdue_ms=each * MINUTE)
                for each in range(12)
            )
        )
        await world.idle(notifier)

    (request,) = receiver.received
    assert request.json["title"] == "[tasuki] 12 leads overdue"
    assert "lead-11" in request.json["text"].splitlines()[0]
    assert "and 3 more" in request.json["text"]
    assert len(request.alert_ids) == 12


async def test_a_receiver_that_hangs_delays_only_itself(world: NotifyWorld, webhooks: Webhooks) -> None:
    """The other sink has every alert while the first is still waiting for its first answer."""
    which = rules(rule("hanging", timeout_ms=60_000), rule("well", most_alerts=1))
    async with http_receiver() as hanging, http_receiver() as well:
        hanging.mood = HANG
        sinks = await webhooks.to(which, hanging=hanging, well=well)
        async with world.at_work(which, sinks) as notifier:
            for each in range(20):
                await world.tell(alert("breached", f"lead-{each}"))
            await well.has(20)
            await wait_until(lambda: notifier.waiting()["well"] == 0, description="the other is done")

            assert len(hanging.received) == 1
            assert notifier.waiting()["hanging"] == 20
            hanging.mood = status(204)
            hanging.let_go.set()
            await world.idle(notifier)

    assert set(hanging.alert_ids) == set(well.alert_ids)


async def test_a_receiver_that_does_not_answer_in_time_gets_the_same_message_again(
    world: NotifyWorld, webhooks: Webhooks
) -> None:
    """It may have taken it, so the id is the same."""
    which = rules(rule("hook", timeout_ms=200))
    async with http_receiver() as receiver:
        receiver.moods.extend([HANG, HANG])
        async with world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier:
            await world.tell(alert("breached", "a"), alert("breached", "b"))
            await receiver.has(3)
            await world.idle(notifier)

    assert len({request.headers["idempotency-key"] for request in receiver.received}) == 1
    assert {tuple(request.alert_ids) for request in receiver.received} == {
        tuple(receiver.received[0].alert_ids)
    }


@pytest.mark.parametrize("mood", [status(500), status(503), status(404), status(301, Location="/x"), DROP])
async def test_a_receiver_that_fails_gets_every_alert_in_the_end(
    world: NotifyWorld, webhooks: Webhooks, mood: str
) -> None:
    """An error, a redirect, or a connection that is closed without an answer: repeated until it is taken."""
    which = rules(rule("hook", most_alerts=1))
    alerts = [alert("breached", f"lead-{each}") for each in range(3)]
    async with http_receiver() as receiver:
        receiver.moods.extend([mood] * 4)
        async with world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier:
            await world.tell(*alerts)
            await world.idle(notifier)

    assert set(receiver.alert_ids) == {each.id for each in alerts}
    assert len(receiver.received) == 7
    assert await world.outcomes("hook") == {"delivered": 3}


async def test_retry_after_is_obeyed(world: NotifyWorld, webhooks: Webhooks) -> None:
    """The sink is left alone for as long as it asked, and the store knows until when."""
    which = rules(rule("hook"))
    async with http_receiver() as receiver:
        receiver.moods.append(status(429, Retry_After="3600"))
        async with world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier:
            await world.tell(alert("breached", "a"))
            await receiver.has(1)
            await wait_until(
                lambda: notifier.held[0].sinks["hook"].ledger.held_until > 0, description="it is left alone"
            )
            await world.tell(alert("breached", "b"))
            await world.read()
            assert len(receiver.received) == 1
        async with world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier:
            await wait_until(lambda: 0 in notifier.held, description="the shard is held")
            held_until = notifier.held[0].sinks["hook"].ledger.held_until
            assert 3_590_000 < held_until - world.clock() <= 3_600_000
            world.clock.ahead_ms += 3_600_000
            notifier.wake()
            await world.idle(notifier)

    assert len(receiver.received) == 2


async def test_what_a_receiver_will_never_take_is_set_aside(world: NotifyWorld, webhooks: Webhooks) -> None:
    """As a dead letter with its reason; the next alert goes out."""
    which = rules(rule("hook", most_alerts=1))
    async with http_receiver() as receiver:
        receiver.moods.append(status(422))
        async with world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier:
            await world.tell(alert("breached", "bad"), alert("breached", "good"))
            await world.idle(notifier)
            (letter,) = await world.dead_letters(1)

    data = DeadLettered.model_validate_json(letter.value or b"").data
    assert (data.reason, data.origin, data.key) == ("refused-by-sink", "sink:hook", "bad")
    assert json.loads(b64decode(data.body))["lead_id"] == "bad"
    assert await world.outcomes("hook") == {"refused": 1, "delivered": 1}


def retold(letter: DeadLettered, **more: Any) -> AlertRetold:
    """Return that *letter*'s alert is to be tried again, as a replay appends it."""
    data = {
        "sink": "hook",
        "target": "",
        "refused_at": letter.data.failed_at,
        "letter": letter.id,
        "by": "me",
        "alert": letter.data.body,
    }
    return AlertRetold(
        id=f"{letter.id}-r",
        source="/tasuki/dead-letters",
        subject=letter.subject,
        time="2026-11-04T05:03:10.000Z",
        data=Retold.model_validate(data | more),
    )


async def told(world: NotifyWorld, count: int) -> list[DeadLettered]:
    """Return the letters, when there are *count*."""
    found = await world.dead_letters(count)
    return [DeadLettered.model_validate_json(each.value or b"") for each in found]


async def test_a_refused_alert_is_tried_again_once_for_each_refusal(
    world: NotifyWorld, webhooks: Webhooks
) -> None:
    """At the sink that refused it; a repeated replay does nothing, another refusal is another letter."""
    which = rules(rule("hook"), rule("other"))
    async with http_receiver() as receiver, http_receiver() as other:
        receiver.moods += [status(422), status(422)]
        sinks = await webhooks.to(which, hook=receiver, other=other)
        async with world.at_work(which, sinks) as notifier:
            await world.tell(alert("breached", "ann"))
            letters = await told(world, 1)
            await world.tell(retold(letters[0]))
            letters = await told(world, 2)
            assert letters[0].id != letters[1].id
            await world.tell(*(retold(each) for each in letters))
            await receiver.has(3)
            await world.idle(notifier)
        async with world.at_work(which, sinks) as notifier:
            await world.tell(
                retold(letters[1]), retold(letters[1], sink="gone"), retold(letters[1], alert="?")
            )
            await world.idle(notifier)
            reasons = [each.data.reason for each in await told(world, 4)]
    assert reasons == ["refused-by-sink", "refused-by-sink", "unknown-sink", "bad-event"]
    assert (len(receiver.received), len(other.received)) == (3, 1)
    assert await world.outcomes("hook") == {"refused": 2, "delivered": 1}


async def test_a_record_that_is_no_alert_is_set_aside(world: NotifyWorld, webhooks: Webhooks) -> None:
    """Nothing on the topic stops the alerts behind it."""
    which = rules(rule("hook"))
    async with (
        http_receiver() as receiver,
        world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier,
    ):
        await world.log.append([Record(ALERTS.name, "x", b"{"), Record(ALERTS.name, "x", b'{"type": "no"}')])
        await world.tell(alert("breached"))
        await receiver.has(1)
        await world.idle(notifier)
        letters = await world.dead_letters(2)

    reasons = {DeadLettered.model_validate_json(each.value or b"").data.reason for each in letters}
    assert reasons == {"not-json", "unknown-type"}


async def test_an_alert_that_is_on_the_topic_twice_is_delivered_once(
    world: NotifyWorld, webhooks: Webhooks
) -> None:
    """By its id, also after a restart."""
    which = rules(rule("hook"))
    async with http_receiver() as receiver:
        for _ in range(2):
            async with world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier:
                await world.tell(alert("breached"))
                await world.tell(alert("breached"))
                await world.idle(notifier)

    assert len(receiver.alert_ids) == 1


async def test_the_end_of_a_breach_is_told_where_the_breach_was_told(
    world: NotifyWorld, webhooks: Webhooks
) -> None:
    """Also after a restart; not to the sink that had only the warning."""
    sinks = {name: rule(name) for name in ("told", "other")}
    which = NoticeRules(
        sinks=sinks,
        routes=(
            Route(sink="told", policies=frozenset({"mql-response"})),
            Route(sink="other", policies=frozenset({"else"})),
        ),
    )
    async with http_receiver() as told, http_receiver() as other:
        async with world.at_work(which, await webhooks.to(which, told=told, other=other)) as notifier:
            await world.tell(alert("breached"))
            await world.idle(notifier)
        async with world.at_work(which, await webhooks.to(which, told=told, other=other)) as notifier:
            await world.tell(alert("met-late"), alert("retracted", "never-told"))
            await world.idle(notifier)

    assert [each["kind"] for request in told.received for each in request.json["alerts"]] == [
        "breached",
        "met-late",
    ]
    assert other.received == []
    assert world.metrics.value("tasuki_notices_total", sink="none", outcome="unrouted") == 1


class Answered:
    """Knows that everything was answered in time."""

    async def now(self, clocks: Collection[ClockKey], at: int) -> Mapping[ClockKey, Live]:
        """See `Clocks.now`."""
        assert at
        return {each: Live(ended=True, elapsed_ms=1, overdue_ms=0) for each in clocks}


async def test_a_warning_whose_lead_was_answered_while_it_waited_is_not_sent(
    world: NotifyWorld, webhooks: Webhooks
) -> None:
    """It is counted with its reason."""
    which = rules(rule("hook", window_ms=50))
    async with http_receiver() as receiver:
        sinks = await webhooks.to(which, hook=receiver)
        async with world.at_work(which, sinks, Answered()) as notifier:
            await world.tell(alert("warned"))
            await world.idle(notifier)

    assert receiver.received == []
    assert await world.outcomes("hook") == {"ended": 1}
    assert world.metrics.value("tasuki_notices_total", sink="hook", outcome="ended") == 1


async def test_what_waits_for_a_sink_that_is_removed_is_dropped(
    world: NotifyWorld, webhooks: Webhooks
) -> None:
    """With its reason; another sink takes what comes then."""
    before, after = rules(rule("old", window_ms=60_000)), rules(rule("new"))
    async with http_receiver() as receiver:
        async with world.at_work(before, await webhooks.to(before, old=receiver)):
            await world.tell(alert("breached", "a"))
            await world.read()
        async with world.at_work(after, await webhooks.to(after, new=receiver)) as notifier:
            await world.tell(alert("breached", "b"))
            await world.idle(notifier)

    assert await world.outcomes("old") == {"sink-removed": 1}
    assert len(receiver.received) == 1


async def test_what_is_done_is_forgotten_after_a_while(world: NotifyWorld, webhooks: Webhooks) -> None:
    """The ledger of a sink doesn't grow for ever."""
    which = rules(rule("hook", remembers_ms=10_000))
    async with (
        http_receiver() as receiver,
        world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier,
    ):
        await world.tell(*(alert("breached", f"lead-{each}") for each in range(30)))
        await world.idle(notifier)
        world.clock.ahead_ms += 20_000
        await world.tell(alert("breached", "last"))
        await receiver.has(2)

        async def only_one() -> bool:
            done = await world.store.client.zcard(world.shard.key("sink:hook:done"))
            told = await world.store.client.hlen(world.shard.key("sink:hook:told"))
            return (done, told) == (1, 1)

        await wait_until(only_one, description="only the last is remembered")


async def test_the_log_has_no_personal_data(world: NotifyWorld, webhooks: Webhooks) -> None:
    """Neither owners nor segments nor addresses, when all goes well and when it doesn't."""
    which = rules(rule("hook", most_alerts=1))
    with capture_logs() as lines:
        async with http_receiver() as receiver:
            receiver.moods.extend([status(500), status(422), DROP])
            async with world.at_work(which, await webhooks.to(which, hook=receiver)) as notifier:
                for each in range(4):
                    await world.tell(alert("breached", f"lead-{each}", segments={"company": "山田商店"}))
                await world.idle(notifier)

    assert {"sink.unavailable", "sink.recovered", "sink.refused"} <= {line["event"] for line in lines}
    assert not any("@" in str(line) or "山田" in str(line) or "127.0.0.1" in str(line) for line in lines)


async def test_figures_tell_what_waits_what_left_and_how_long_it_took(
    world: NotifyWorld, webhooks: Webhooks
) -> None:
    """For each sink."""
    which = rules(rule("hook"), rule("later", window_ms=60_000))
    async with http_receiver() as receiver:
        receiver.moods.append(status(500))
        sinks = await webhooks.to(which, hook=receiver, later=receiver)
        async with world.at_work(which, sinks) as notifier:
            await world.tell(alert("breached", at=now_ms()))
            await world.read()
            await wait_until(lambda: notifier.waiting()["hook"] == 0, description="it is delivered")
            text = (await world.metrics.scrape()).decode()

    for line in (
        'tasuki_notices_waiting{sink="later"} 1.0',
        'tasuki_notices_waiting{sink="hook"} 0.0',
        'tasuki_notice_messages_total{outcome="failed",sink="hook"} 1.0',
        'tasuki_notices_total{outcome="delivered",sink="hook"} 1.0',
    ):
        assert line in text
    await wait_until(
        lambda: world.metrics.value("tasuki_notice_seconds", sink="hook") == 1,
        description="its time is known",
    )


def test_each_outcome_of_an_alert_is_in_the_catalogue_of_metrics() -> None:
    """Else it would be counted as other."""
    assert set(Outcome) == set(NOTICE_OUTCOMES)


async def test_rules_that_name_a_sink_which_is_not_there_are_refused() -> None:
    """At the start, not when the first alert is lost."""
    which = rules(rule("hook"), default=("nowhere",))

    with pytest.raises(Misconfigured, match="hook, nowhere"):
        NoticeProcessor(rules=which, sinks={}, clock=now_ms, failed=lambda _error: None)


def test_all_alerts_lie_on_one_partition() -> None:
    """Whatever the deployment has otherwise: digests and limits are for the firm, not for a 24th of its leads."""
    assert [each.partitions for each in topic_specs(24) if each.name == ALERTS.name] == [1]


def test_a_message_of_several_has_one_id_for_the_same_alerts() -> None:
    """And another for others."""
    assert message_id(("a", "b")) == message_id(("a", "b")) != message_id(("a", "c"))
