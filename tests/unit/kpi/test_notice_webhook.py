"""The signature of our webhooks, and what we make of a receiver's Retry-After."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Misconfigured
from services.kpi.adapters.sinks import WebhookSink
from services.kpi.adapters.sinks.signature import is_signed, signed
from services.kpi.adapters.sinks.webhook import wait_ms
from services.kpi.adapters.templates import Renderer
from services.kpi.domain.notice_rules import NoticeRules
from tests.notice_desk import START

BODY = b'{"id": "a"}'


def test_a_signature_is_the_same_as_anybody_would_compute() -> None:
    """HMAC-SHA256 of time, dot, body, computed here with another tool: openssl dgst -sha256 -hmac."""
    found = signed(b"{}", ["secret"], 1_700_000_000_123)

    assert found == "t=1700000000,v1=" + KNOWN


KNOWN = "b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"


@given(body=st.binary(), secret=st.text(min_size=1), at=st.integers(0, 2**40))
def test_what_is_signed_is_verified_and_nothing_else_is(body: bytes, secret: str, at: int) -> None:
    """Another body, another secret or another time fails."""
    header = signed(body, [secret], at)

    assert is_signed(header, body, secret, at)
    assert not is_signed(header, body + b" ", secret, at)
    assert not is_signed(header, body, secret + "x", at)
    assert not is_signed(header.replace("t=", "t=1"), body, secret, at)


def test_an_old_signature_is_not_accepted() -> None:
    """A recorded request sent again later."""
    header = signed(BODY, ["secret"], START)

    assert is_signed(header, BODY, "secret", START + 300_000 - 1_000)
    assert not is_signed(header, BODY, "secret", START + 301_000)


def test_both_secrets_are_accepted_while_one_is_being_replaced() -> None:
    """The header has a signature of each."""
    header = signed(BODY, ["old", "new"], START)

    assert is_signed(header, BODY, "old", START)
    assert is_signed(header, BODY, "new", START)


@given(st.text())
def test_any_text_as_a_header_is_answered(header: str) -> None:
    """With no, not with an error."""
    assert not is_signed(header, BODY, "secret", START)


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", 120_000),
        ("0", 0),
        (" 7 ", 7_000),
        ("Wed, 04 Nov 2026 05:04:10 GMT", 60_000),
        ("Wed, 04 Nov 2020 05:04:10 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
        ("٣", None),
        ("9" * 400, 999_999_999_000),
    ],
)
def test_retry_after_is_seconds_or_a_date(said: str | None, wait: int | None) -> None:
    """Anything else says nothing."""
    assert wait_ms(said, START) == wait


@pytest.mark.parametrize("url", ["", "example.com/hook", "ftp://example.com", "https://", "http://a:b"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(url: str) -> None:
    """At the start, where somebody looks."""
    with pytest.raises(Misconfigured):
        WebhookSink(
            url=url, secrets=["secret"], renderer=Renderer(NoticeRules(sinks={})), clock=lambda: START
        )


@pytest.mark.parametrize("secrets", [[], [""]])
def test_a_webhook_without_a_secret_is_refused(secrets: list[str]) -> None:
    """Nobody could tell our messages from others'."""
    with pytest.raises(Misconfigured):
        WebhookSink(
            url="https://example.com",
            secrets=secrets,
            renderer=Renderer(NoticeRules(sinks={})),
            clock=lambda: START,
        )
