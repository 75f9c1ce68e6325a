"""Logs: one line a fact, JSON, and nothing about a person or a secret in it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import BaseModel

from services.errors import Rejected
from services.runtime.logs import EventLog, bound, events, set_up
from services.runtime.redaction import PASSING_KEYS, scrub

NOON = 1_767_225_600_000
EMAIL = "taro.yamada@example.co.jp"
BEARER = "pat-na1-11112222-3333-4444-5555-666677778888"
NAME = "山田太郎"


class Lines:
    """What was logged, as text and as parsed lines."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        return self.all[-1]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Log into a string for the test, and leave logging as it was."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    kept = Lines()
    set_up(json=True, stream=kept.stream, clock=lambda: NOON, level="debug")
    yield kept
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


@pytest.fixture
def log() -> EventLog:
    """Return the log as everybody takes it."""
    return events()


def test_a_fact_is_one_line_of_json_with_time_level_and_name_first(lines: Lines, log: EventLog) -> None:
    """The line says when, how grave and what before anything else."""
    log.info("commit.rolled_back", shard="sync:inbox:3", offset=12)

    assert list(lines.last) == ["timestamp", "level", "event", "shard", "offset"]
    assert lines.last["timestamp"] == "2026-01-01T00:00:00.000+00:00"
    assert lines.text.count("\n") == 1


def test_an_email_a_token_and_a_name_do_not_show_whatever_key_they_come_under(
    lines: Lines, log: EventLog
) -> None:
    """Neither unlisted keys nor listed keys with such values let them through."""
    secrets = {"email": EMAIL, "name": NAME, "authorization": f"Bearer {BEARER}", "payload": {"name": NAME}}
    log.info("lead.decided", lead_id="l-1", **secrets)
    log.info(
        "lead.decided", reason=f"{EMAIL} refused with Bearer {BEARER}", record={"email": EMAIL, "name": NAME}
    )
    log.info("lead.decided", fields=[EMAIL, f"Authorization: Bearer {BEARER}"], subject=EMAIL.encode())

    for told in (EMAIL, "yamada", BEARER, NAME):
        assert told not in lines.text
    assert NAME.encode("unicode_escape").decode() not in lines.text
    assert lines.all[0]["withheld"] == ["authorization", "email", "name", "payload"]
    assert lines.all[0]["lead_id"] == "l-1"


def test_an_event_whose_name_is_a_sentence_is_withheld(lines: Lines) -> None:
    """Text with data in it in the place of a name cannot be redacted, so it isn't shown."""
    structlog.get_logger().info(f"created {NAME} <{EMAIL}>")

    assert lines.last["event"] == "log.misnamed"
    assert NAME not in lines.text
    assert EMAIL not in lines.text


def test_personal_data_shows_only_by_opting_in_and_addresses_not_even_then(log: EventLog) -> None:
    """The firm may list a key; e-mail addresses and tokens stay cut out."""
    kept = Lines()
    set_up(json=True, stream=kept.stream, allow=["name", "note"], clock=lambda: NOON)
    try:
        log.info("lead.decided", name=NAME, note=f"asked {EMAIL}, token={BEARER}")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = []

    assert kept.last["name"] == NAME
    assert kept.last["note"] == "asked [email], token=[secret]"


def test_an_error_shows_its_type_and_place_but_no_data_it_quotes(lines: Lines, log: EventLog) -> None:
    """A ValueError's text quotes the value; its type and frames are enough to find the mistake."""
    error = _raised(ValueError(f"bad name {NAME} {EMAIL}"))

    log.failed("component.failed", error, component="x")

    assert lines.last["error_type"] == "ValueError"
    assert lines.last["error"] == "ValueError"
    assert any("test_logs.py" in line and "_raised" in line for line in lines.last["traceback"])
    assert NAME not in lines.text


def test_a_validation_error_shows_nothing_of_its_input(lines: Lines, log: EventLog) -> None:
    """Pydantic quotes the input in its text, so the text doesn't pass."""

    class Person(BaseModel):
        age: int

    try:
        Person.model_validate({"age": NAME})
    except ValueError as error:
        log.failed("component.failed", error)

    assert lines.last["error_type"] == "ValidationError"
    assert NAME not in lines.text


def test_our_own_errors_show_their_text_scrubbed(lines: Lines, log: EventLog) -> None:
    """They are written by us for a person, yet may carry an address by mistake."""
    log.failed("component.failed", Rejected(f"no field for {EMAIL}", reason="x"))

    assert lines.last["error"] == "no field for [email]"


def test_the_libraries_lines_come_the_same_way(lines: Lines) -> None:
    """The standard library's logging is JSON too, first line only, scrubbed, from warning on."""
    library = logging.getLogger("aiokafka.consumer")
    library.warning("heartbeat failed for %s\nfuture: <Task %s>", EMAIL, NAME)
    library.info("not worth a line")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")

    assert len(lines.all) == 1
    assert lines.last["event"] == "library.logged"
    assert lines.last["logger"] == "aiokafka.consumer"
    assert lines.last["message"] == "heartbeat failed for [email]"
    assert NAME not in lines.text


def test_a_librarys_traceback_is_kept_without_its_data(lines: Lines) -> None:
    """Asyncio reports lost exceptions through logging; place and type must arrive."""
    error = _raised(KeyError(NAME))
    logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=error)

    assert lines.last["error_type"] == "KeyError"
    assert NAME not in lines.text


def test_bound_context_stands_on_every_line_of_the_block_only(lines: Lines, log: EventLog) -> None:
    """A shard bound outside is on our lines and the libraries', and gone afterwards."""
    with bound(lead_id="l-1", shard="sync:inbox:3", system="hubspot"):
        log.info("lead.decided")
        logging.getLogger("grpc").warning("retrying")
    log.info("lead.decided")

    ours, theirs, after = lines.all
    assert (ours["lead_id"], ours["shard"], ours["system"]) == ("l-1", "sync:inbox:3", "hubspot")
    assert theirs["shard"] == "sync:inbox:3"
    assert "shard" not in after


def test_levels_below_the_chosen_one_are_dropped(log: EventLog) -> None:
    """At warning, an info line costs nothing and shows nothing."""
    kept = Lines()
    set_up(json=True, stream=kept.stream, level="warning")
    try:
        log.info("lead.decided")
        log.warning("store.unavailable")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = []

    assert [line["event"] for line in kept.all] == ["store.unavailable"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"mail {EMAIL}!", "mail [email]!"),
        ("mail taro%40example.com.", "mail [email]"),
        ("redis://user:hunter2@cache:6379/0", "redis://[secret]@cache:6379/0"),
        ("Authorization: Bearer abcdefgh.ijk", "Authorization: [secret] [secret]"),
        ("client_secret=abc123&x=1", "client_secret=[secret]&x=1"),
        ('{"access_token": "abc123"}', '{"access_token": "[secret]"}'),
        ("got eyJhbGciOi.eyJzdWIi.c2ln", "got [secret]"),
        ("call 03-1234-5678 now", "call [phone] now"),
        ("sha 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "sha [secret]"),
        ("lead 0199d0e5-5b1c-7c3e-9d2a-7f0c3f1b2a4d", "lead 0199d0e5-5b1c-7c3e-9d2a-7f0c3f1b2a4d"),
        ("hubspot:contacts:41 at 2026-05-09", "hubspot:contacts:41 at 2026-05-09"),
        ("tasuki.lead-changes.v1[3]@77", "tasuki.lead-changes.v1[3]@77"),
    ],
)
def test_scrubbing_cuts_out_secrets_and_leaves_the_rest(text: str, shown: str) -> None:
    """Each kind of secret goes; ids, topics and dates stay readable."""
    assert scrub(text) == shown


def test_no_key_that_holds_personal_data_is_listed() -> None:
    """The list of passing keys must not grow to the lead's own fields."""
    personal = {
        "email",
        "name",
        "first_name",
        "last_name",
        "phone",
        "company",
        "value",
        "body",
        "payload",
        "url",
    }

    assert not personal & PASSING_KEYS


def _raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught
