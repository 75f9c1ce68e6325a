"""`tasuki dead-letters` and `tasuki resume`, as a person at a terminal uses them, on an embedded deployment."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.reading import read
from schemas.topics import ALERTS, INBOX
from services.cli.exits import ExitCode
from services.cli.main import main
from services.runtime.clock import now_ms
from services.runtime.valkey_server import EmbeddedServer
from services.sync.adapters.operator_marks import OperatorMarks
from services.sync.app import make_log, make_store, topic_specs
from services.sync.settings import Settings, demo_document, load
from services.sync.settings.demo import DEMO_ENVIRONMENT
from tests.integration.letter_world import LEAD, dead_letter


class Place:
    """A deployment in a folder: commands are run on it, and its books are read."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "tasuki.toml"
        text = demo_document(
            hubspot_url="http://127.0.0.1:1",
            salesforce_url="http://127.0.0.1:1",
            pubsub="127.0.0.1:1",
            data_folder=folder / "data",
            overrides={"log": {"partitions": 2}},
        )
        self.config.write_text(text, encoding="utf-8")
        self._capsys = capsys

    @property
    def settings(self) -> Settings:
        """What the file says."""
        return load(self.config, DEMO_ENVIRONMENT)

    def run(self, *arguments: str) -> tuple[ExitCode, str, str]:
        """Run the command line; return its exit code, results and errors."""
        code = main([*arguments, "--config", str(self.config)])
        out, err = self._capsys.readouterr()
        return code, out, err

    def told(self, *arguments: str) -> Any:
        """Run a command that prints JSON and return it."""
        code, out, err = self.run(*arguments, "--json")
        assert code is ExitCode.OK, err
        return json.loads(out)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep one embedded server running for all commands: else each would start and end one."""
    folder = tmp_path_factory.mktemp("firm")
    keeper = EmbeddedServer(folder / "data")
    loop = asyncio.new_event_loop()
    loop.run_until_complete(keeper.__aenter__())
    yield folder
    loop.run_until_complete(keeper.__aexit__(None, None, None))
    loop.close()


@pytest.fixture
def place(server: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    """Give the deployment with two letters, nothing done with either."""
    monkeypatch.setenv("COLUMNS", "200")
    for name, value in DEMO_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    one = Place(server, capsys)
    asyncio.run(_write_letters(one.settings))
    return one


async def _write_letters(settings: Settings) -> None:
    async with EmbeddedServer(settings.data_folder) as server:
        log, store = make_log(settings, server.url), make_store(settings, server.url)
        await store.start()
        await store.client.flushdb()
        await log.ensure_topics(topic_specs(2))
        await log.append(
            [
                dead_letter("good", failed_at=now_ms() - 60_000),
                dead_letter("bad", reason="unknown-system", key="marketo:lead:7", detail="[bold]no[/bold]"),
            ]
        )
        await log.close()
        await store.close()


async def _books(settings: Settings) -> tuple[int, dict[str, int]]:
    async with EmbeddedServer(settings.data_folder) as server:
        log, store = make_log(settings, server.url), make_store(settings, server.url)
        await store.start()
        await log.ensure_topics(topic_specs(2))
        count = sum([len(await log.read(INBOX.name, number, 0)) for number in (0, 1)])
        orders = dict(await OperatorMarks(store).resumes())
        await log.close()
        await store.close()
        return count, orders


def test_letters_are_listed_for_people_and_for_programs(place: Place) -> None:
    """With their reasons counted; a vendor's text is shown as it is, brackets and all."""
    code, out, _ = place.run("dead-letters", "list")
    assert code is ExitCode.OK
    assert "[bold]no[/bold]" in out
    assert "2 in all: 1 read-refused, 1 unknown-system" in out
    assert {each["id"] for each in place.told("dead-letters", "list")["letters"]} == {"good", "bad"}
    assert place.told("dead-letters", "list", "--reason", "read-refused")["total"] == 1
    assert place.told("dead-letters", "list", "--newer-than", "1h", "--older-than", "30m")["total"] == 0
    assert place.run("dead-letters", "list", "--lead", "nobody@example.jp")[1] == "no dead letters\n"


def test_one_letter_is_shown_whole(place: Place) -> None:
    """With what stands in the way; an unknown id is a negative answer."""
    code, out, _ = place.run("dead-letters", "show", "bad")
    assert code is ExitCode.OK
    assert "no connector is configured for 'marketo'" in out
    assert place.told("dead-letters", "show", "good")["body"] == '{"objectId": 101}'
    code, _, err = place.run("dead-letters", "show", "nowhere")
    assert (code, "no dead letter has the id nowhere" in err) == (ExitCode.NEGATIVE, True)


def test_a_replay_in_bulk_does_what_it_can_and_says_what_it_can_not(place: Place) -> None:
    """First without doing it; the exit code tells a script that some are left."""
    code, out, _ = place.run("dead-letters", "replay", "--all", "--dry-run")
    assert code is ExitCode.NEGATIVE
    assert "1 would be replayed, 1 can't be" in out
    assert asyncio.run(_books(place.settings)) == (0, {})

    code, out, _ = place.run("dead-letters", "replay", "--all", "--by", "sato")
    assert code is ExitCode.NEGATIVE
    assert "bad (unknown-system): no connector is configured for 'marketo'" in out
    assert "1 replayed, 1 can't be" in out
    count, orders = asyncio.run(_books(place.settings))
    assert (count, orders.keys()) == (1, {"hubspot"})
    (done,) = place.told("dead-letters", "list", "--state", "replayed")["letters"]
    assert (done["id"], done["marked_by"]) == ("good", "sato")


def test_a_letter_is_replayed_once_unless_asked_again(place: Place) -> None:
    """Who names it hears who did it and when."""
    assert place.run("dead-letters", "replay", "--reason", "read-refused")[0] is ExitCode.OK
    code, out, err = place.run("dead-letters", "replay", "good", "--by", "suzuki")
    assert code is ExitCode.NEGATIVE
    assert "0 replayed" in out
    assert "good was replayed by" in err
    assert place.run("dead-letters", "replay", "good", "--again")[0] is ExitCode.OK
    assert asyncio.run(_books(place.settings))[0] == 2


def test_dropped_letters_are_out_of_the_way(place: Place) -> None:
    """They are listed when asked for."""
    assert place.run("dead-letters", "drop", "bad")[:2] == (ExitCode.OK, "1 dropped\n")
    assert place.told("dead-letters", "list")["total"] == 1
    assert place.told("dead-letters", "list", "--state", "dropped")["total"] == 1
    assert place.run("dead-letters", "drop", "nowhere")[0] is ExitCode.NEGATIVE


@pytest.mark.parametrize(
    "arguments",
    [
        ("dead-letters", "replay"),
        ("dead-letters", "drop"),
        ("dead-letters", "list", "--older-than", "yesterday"),
        ("dead-letters", "list", "--state", "lost"),
        ("resume", "marketo"),
    ],
)
def test_what_is_not_clear_is_not_done(place: Place, arguments: tuple[str, ...]) -> None:
    """Nothing is replayed or dropped because somebody forgot to say which."""
    code, _, err = place.run(*arguments)
    assert code is ExitCode.USAGE
    assert err
    assert asyncio.run(_books(place.settings)) == (0, {})


def test_a_system_is_asked_to_go_on(place: Place) -> None:
    """The order waits in the store for whoever serves it."""
    code, out, _ = place.run("resume", "salesforce")
    assert code is ExitCode.OK
    assert "salesforce: asked to go on" in out
    assert asyncio.run(_books(place.settings))[1].keys() == {"salesforce"}


def test_an_alert_that_a_sink_refused_is_listed_and_replayed_like_any_letter(place: Place) -> None:
    """The KPI service's letters are on the same topic, and in the same commands."""
    asyncio.run(_refuse(place.settings))
    (letter,) = place.told("dead-letters", "list", "--lead", LEAD)["letters"]
    assert (letter["id"], letter["origin"]) == ("alert", "sink:hook")
    assert "can be replayed" in place.run("dead-letters", "show", "alert")[1]
    assert place.run("dead-letters", "replay", "--reason", "refused-by-sink")[0] is ExitCode.OK
    assert asyncio.run(_alerts(place.settings)) == ["tasuki.alert.retold.v1"]
    assert place.run("dead-letters", "drop", "alert", "--by", "me")[0] is ExitCode.NEGATIVE


async def _refuse(settings: Settings) -> None:
    async with EmbeddedServer(settings.data_folder) as server:
        log = make_log(settings, server.url)
        await log.ensure_topics(topic_specs(2))
        body = b64encode(b'{"id": "a"}').decode()
        await log.append(
            [dead_letter("alert", reason="refused-by-sink", origin="sink:hook", key=LEAD, body=body)]
        )
        await log.close()


async def _alerts(settings: Settings) -> list[str]:
    async with EmbeddedServer(settings.data_folder) as server:
        log = make_log(settings, server.url)
        await log.ensure_topics(topic_specs(2))
        found = await log.read(ALERTS.name, 0, 0)
        await log.close()
        return [read(ALERTS, each.value).model_dump()["type"] for each in found]
