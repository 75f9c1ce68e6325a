"""The demo's receiver of alerts, and what is made of those that were told and those that arrived."""

import socket
from typing import Any

import httpx2
import orjson

from services.cli.demo.promises import DASHBOARD_PORT, RECEIVER_PORT, Telling, free_ports
from services.cli.stage.receiver import PATH, Receiver
from services.cli.stage.score import alerts
from services.kpi.adapters.sinks.signature import HEADER, signed
from tests.waiting import PATIENCE_S

NOW = 1_793_768_590_000
SECRET = "a-secret-of-16-or-more"


def _message(alert_id: str, text: str = "期限超過: <MQL>") -> dict[str, Any]:
    return {
        "alerts": [{"id": alert_id, "kind": "breached", "link": "http://a.example/?a=1&b=2"}],
        "text": text,
    }


async def test_what_is_signed_is_taken_and_listed() -> None:
    """A repeated alert is counted twice and shown once, in the language asked for; what isn't signed is refused."""
    receiver = Receiver(secret=SECRET, language="ja", time_zone="Asia/Tokyo", clock=lambda: NOW)
    port = free_ports((0, 0))[1]
    async with (
        receiver.listening(port),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client,
    ):
        answers: list[int] = []
        for secret in (SECRET, SECRET, "another"):
            body = orjson.dumps(_message("a"))
            answer = await client.post(PATH, content=body, headers={HEADER: signed(body, [secret], NOW)})
            answers.append(answer.status_code)
        page = (await client.get("/")).text
        english = (await client.get("/?language=en")).text

    assert answers == [204, 204, 403]
    assert (receiver.arrived, receiver.unsigned) == ({"a": 2}, 1)
    assert page.count("期限超過: &lt;MQL&gt;") == 1
    assert "1 件が届きました" in page
    assert "1 arrived" in english
    assert "http://a.example/?a=1&amp;b=2" in page


def test_each_alert_told_must_arrive_once() -> None:
    """What is missing, unknown, repeated or unsigned is a fault of its own."""
    found = alerts({"a", "b"}, {"b": 2, "c": 1}, unsigned=1, kills=0)

    assert (found.told, found.arrived, found.doubled, found.again) == (2, 2, 1, 0)
    assert [each.partition(",")[0] for each in found.faults] == [
        "alert a was told",
        "alert c arrived",
        "alert b arrived 2 times",
        "1 messages weren't signed by the shared secret",
    ]
    assert not alerts({"a"}, {"a": 1}, unsigned=0, kills=0).faults


def test_after_a_kill_an_alert_may_come_again() -> None:
    """Nobody knows then whether it had arrived; it is counted apart, and is no fault."""
    found = alerts({"a"}, {"a": 2}, unsigned=0, kills=1)

    assert (found.doubled, found.again, found.faults) == (0, 1, ())


def test_where_somebody_listens_both_ports_are_others() -> None:
    """The dashboard's usual port isn't taken from a demo that is still starting."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        found = free_ports((DASHBOARD_PORT, taken))

    assert not {DASHBOARD_PORT, RECEIVER_PORT, taken} & set(found)
    assert Telling(ports=(1, 2)).page == "http://127.0.0.1:2/"
