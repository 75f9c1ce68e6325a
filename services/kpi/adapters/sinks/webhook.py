"""A webhook of the firm's own: the alerts as JSON, signed, with an id by which a repeated one is known."""

from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx2
import orjson

from services.errors import Misconfigured
from services.kpi.adapters.sinks.signature import HEADER, signed
from services.kpi.adapters.templates.rendering import Renderer
from services.kpi.application.notify import SinkRefused, SinkUnavailable
from services.kpi.domain.notice_digest import Message
from services.kpi.domain.notices import Notice
from services.runtime.clock import Clock

VERSION = 1
"""Of the body's form: fields are added, never removed or changed."""

NEVER_TAKEN = frozenset({400, 405, 411, 413, 414, 415, 422, 431, 501})
"""Answers that the same body will always get. Others may pass: a secret or an address that is being mended."""

NOT_TAKEN = frozenset({401, 403, 404, 407, 410, 421, 425, 426, 429, 503})
"""Answers by which the receiver says that it did nothing with the message."""


class WebhookSink:
    """
    See `Sink`. Close it after.

    Args:
        url: ``https://…``; redirects aren't followed, for the body is meant for this address.
        secrets: The secret that signs; two while it is being replaced.
        timeout_ms: For each step of the exchange; the whole is bound by the sink's rule.

    Raises:
        Misconfigured: The URL is none, or there is no secret.
    """

    def __init__(
        self, *, url: str, secrets: Sequence[str], renderer: Renderer, clock: Clock, timeout_ms: int = 10_000
    ) -> None:
        self._url = _checked(url)
        if not secrets or not all(secrets):
            raise Misconfigured("a webhook needs a secret to sign with")
        self._secrets = tuple(secrets)
        self._renderer = renderer
        self._clock = clock
        self._client = httpx2.AsyncClient(timeout=timeout_ms / 1000, follow_redirects=False)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Disconnect."""
        await self._client.aclose()

    async def send(self, message: Message) -> None:
        """See `Sink.send`."""
        body = orjson.dumps(self._content(message))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.id,
            HEADER: signed(body, self._secrets, self._clock()),
        }
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
                # What it says beside the status doesn't matter, and may be endless.
                self._judge(answer.status_code, answer.headers.get("Retry-After"))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.InvalidURL) as error:
            raise SinkUnavailable(f"can't connect: {type(error).__name__}", doubt=False) from error
        except httpx2.HTTPError as error:
            raise SinkUnavailable(f"no clear answer: {type(error).__name__}", doubt=True) from error

    def _judge(self, status: int, retry_after: str | None) -> None:
        if httpx2.codes.is_success(status):
            return
        if status in NEVER_TAKEN:
            raise SinkRefused(f"the webhook's receiver answers HTTP {status}")
        raise SinkUnavailable(
            f"the webhook's receiver answers HTTP {status}",
            doubt=status not in NOT_TAKEN and not httpx2.codes.is_redirect(status),
            retry_after_ms=wait_ms(retry_after, self._clock()),
        )

    def _content(self, message: Message) -> dict[str, Any]:
        rendered = self._renderer.render(message)
        return {
            "version": VERSION,
            "id": message.id,
            "sink": message.sink,
            "target": message.target,
            "sent_at": message.sent_at,
            "language": rendered.language,
            "title": rendered.title,
            "text": rendered.body,
            "alerts": [self._alert(each, message) for each in message.notices],
        }

    def _alert(self, notice: Notice, message: Message) -> dict[str, Any]:
        live = message.live.get(notice.clock)
        return {
            "id": notice.id,
            "kind": notice.kind.value,
            "lead_id": notice.lead_id,
            "link": self._renderer.link(notice),
            "owner": notice.owner,
            "origin": notice.origin,
            "segments": dict(notice.segments),
            "policy": notice.policy,
            "step": notice.step,
            "cycle": notice.cycle,
            "round": notice.round,
            "started_at": notice.started_at,
            "deadline_at": notice.deadline_at,
            "due_at": notice.due_at,
            "told_at": notice.told_at,
            "stopped_at": notice.stopped_at,
            "budget_ms": notice.budget_ms,
            "elapsed_ms": notice.elapsed_ms if live is None else live.elapsed_ms,
            "overdue_ms": notice.overdue_ms if live is None else live.overdue_ms,
            "late_ms": notice.late_ms,
            "notify": notice.notify,
            "reassign": notice.reassign,
            "collapsed": notice.collapsed,
        }


def _checked(url: str) -> str:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise Misconfigured("a webhook's address begins with https:// or http:// and names a host")
    return url


def wait_ms(retry_after: str | None, now: int) -> int | None:
    """
    Return how long ``Retry-After`` asks to wait: seconds, or a date; None where it says nothing that is known.

    Source: https://www.rfc-editor.org/rfc/rfc9110.html#field.retry-after
    """
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return int(text[:9]) * 1000
    try:
        at = parsedate_to_datetime(text)
        return max(0, int(at.timestamp() * 1000) - now)
    except (ValueError, OverflowError):
        return None
