"""Alerts to people through apprise: chats by JSON and form, and mail, each on loopback."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from services.errors import Misconfigured
from services.kpi.adapters.sinks import AppriseSink
from services.kpi.adapters.sinks.apprise_sink import TARGET
from services.kpi.adapters.sinks.threads import Threads
from services.kpi.adapters.templates import Renderer
from services.kpi.application.notify import SinkRefused, SinkUnavailable
from services.kpi.domain.notice_digest import Message
from services.kpi.domain.notice_rules import NoticeRules, Person, Route, SinkRule
from tests.integration.notify_world import NotifyWorld, notify_world
from tests.notice_desk import START, alert, notice
from tests.receivers import HANG, http_receiver, mail_server, status
from tests.waiting import wait_until

QUICK = SinkRule(name="chat", window_ms=0, limit=0, first_wait_ms=20, longest_wait_ms=50)
RULES = NoticeRules(
    sinks={
        "chat": QUICK,
        "mail": replace(QUICK, name="mail", language="en"),
    },
    routes=(Route(sink="mail", roles=frozenset({"owner"}), personal=True),),
    default=("chat",),
    people={
        "yui@example.co.jp": Person(name="田中 結衣", addresses={"mail": "yui@example.co.jp"}),
    },
)


@pytest.fixture
async def world(redis_url: str) -> AsyncGenerator[NotifyWorld]:
    """Give a notifier's log and store."""
    async with notify_world(redis_url) as made:
        yield made


def message(sink: str = "chat", target: str = "") -> Message:
    """Return a message with one alert."""
    return Message("id-1", sink, target, (notice("breached"),), START, {})


async def test_the_owner_gets_a_mail_and_an_unknown_owner_s_alert_goes_to_the_chat(
    world: NotifyWorld,
) -> None:
    """At the own address, with subject and text; a mail server that says later is tried again."""
    async with http_receiver() as chat, mail_server() as mails:
        mails.refuse = 1
        mail_url = f"mailto://127.0.0.1:{mails.port}?from=tasuki@example.co.jp&to={TARGET}"
        sinks = {
            "chat": AppriseSink(url=f"json://127.0.0.1:{chat.port}/room", renderer=Renderer(RULES)),
            "mail": AppriseSink(url=mail_url, renderer=Renderer(RULES)),
        }
        async with world.at_work(RULES, sinks) as notifier:
            await world.tell(
                alert("breached", "known"), alert("breached", "unknown", owner="who@example.co.jp")
            )
            await world.idle(notifier)

    (mail,) = mails.mails
    assert mail.to == ["yui@example.co.jp"]
    assert mail.subject == "[tasuki] 1 lead overdue"
    assert "Overdue: mql-response | lead known | owner 田中 結衣" in mail.text
    assert "ref kpi:known:1:mql-response:1:breach" in mail.text
    (request,) = chat.received
    assert request.path == "/room"
    assert request.json["title"] == "[tasuki] 期限超過 1件"
    assert "リード unknown" in request.json["message"]


async def test_a_chat_that_fails_through_apprise_is_tried_again(world: NotifyWorld) -> None:
    """Until it takes the message; apprise's own words, which hold addresses, are not heard."""
    async with http_receiver() as chat:
        chat.moods.extend([status(500), status(429)])
        rules = replace(RULES, routes=())
        sinks = {
            "chat": AppriseSink(url=f"json://127.0.0.1:{chat.port}/", renderer=Renderer(rules)),
            "mail": AppriseSink(url="json://127.0.0.1:9/", renderer=Renderer(rules)),
        }
        async with world.at_work(rules, sinks) as notifier:
            await world.tell(alert("breached"))
            await world.idle(notifier)

    assert len(chat.received) == 3
    assert await world.outcomes("chat") == {"delivered": 1}


async def test_a_form_as_chatwork_takes_it_can_be_sent() -> None:
    """Apprise's form plug-in with the fields renamed, as docs/alerts.md says."""
    async with http_receiver() as chat:
        fields = ":message=body&:version=&:title=&:type="
        url = f"form://127.0.0.1:{chat.port}/v2/rooms/1/messages?+X-ChatWorkToken=key&{fields}"
        await AppriseSink(url=url, renderer=Renderer(RULES)).send(message())

    (request,) = chat.received
    form = parse_qs(request.body.decode())
    assert request.headers["x-chatworktoken"] == "key"
    assert form.keys() == {"body"}
    assert "期限超過" in form["body"][0]


async def test_threads_that_hang_are_bounded() -> None:
    """The next message isn't taken, certainly, and no thread more is begun."""
    async with http_receiver() as chat:
        chat.mood = HANG
        sink = AppriseSink(
            url=f"json://127.0.0.1:{chat.port}/", renderer=Renderer(RULES), threads=Threads(most=1)
        )
        first = asyncio.create_task(sink.send(message()))
        await chat.has(1)
        with pytest.raises(SinkUnavailable) as failed:
            await sink.send(message())
        assert not failed.value.doubt
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        with pytest.raises(SinkUnavailable):
            await sink.send(message())
        chat.mood = status(204)
        chat.let_go.set()

        async def sent() -> bool:
            try:
                await sink.send(message())
            except SinkUnavailable as error:
                assert not error.doubt  # noqa: PT017 - it is waited for its end
                return False
            return True

        await wait_until(sent, description="the thread came back")


async def test_a_url_that_apprise_does_not_know_is_told_without_quoting_it() -> None:
    """At the start; it holds secrets."""
    sink = AppriseSink(url="nothing://token-123", renderer=Renderer(RULES))

    with pytest.raises(Misconfigured) as told:
        await sink.check()
    assert "token-123" not in str(told.value)


async def test_a_person_s_address_that_apprise_does_not_take_is_refused() -> None:
    """Only that message ends; the service goes on."""
    url = f"mailto://127.0.0.1:9?from=tasuki@example.co.jp&to={TARGET}"
    sink = AppriseSink(url=url, renderer=Renderer(RULES))

    await sink.check()
    with pytest.raises((SinkRefused, SinkUnavailable)):
        await sink.send(message("mail", "no address"))


def test_apprise_is_not_loaded_before_it_is_needed() -> None:
    """It would cost each start a second or two."""
    code = "import sys, services.kpi.adapters.sinks; print('apprise' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code

    assert done.stdout.strip() == "False"
