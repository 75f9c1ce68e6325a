"""
uvicorn's HTTP/1.1 protocol with a time limit on heads, a limit on connections, and reasons for being turned away.

uvicorn itself waits for a request's head for ever, and each byte that trickles in resets its keep-alive timer,
so a handful of slow clients could hold every connection. A body's time limit is services.runtime.body's.
Source: https://github.com/Kludex/uvicorn/issues/157
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.runtime.problems import MEDIA_TYPE, problem_content


@dataclass(frozen=True, slots=True)
class Guard:
    """The limits. `refused` is called with the reason, for counting."""

    head_ms: int
    most_connections: int
    refused: Callable[[str], None]


class GuardedProtocol(H11Protocol):
    """One connection. Subclass it with a `guard`: uvicorn makes the objects and passes none of ours."""

    guard: ClassVar[Guard]
    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Take the connection, or turn it away when there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.guard.most_connections:
            detail, mend = "too many connections are open", "come again in a second"
            self._turn_away(HTTPStatus.SERVICE_UNAVAILABLE, "too-many-connections", detail, mend)
        else:
            self._await_head()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and keep the timer running only while a head is incomplete."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._cancel_timer()
        elif self._head_due is None:  # the next request of a kept connection has begun
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._cancel_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what isn't HTTP, with a problem in place of uvicorn's bare *msg*."""
        self._turn_away(HTTPStatus.BAD_REQUEST, "invalid-http", msg, "see RFC 9112")

    def _await_head(self) -> None:
        self._head_due = self.loop.call_later(self.guard.head_ms / 1000, self._head_is_late)

    def _cancel_timer(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _head_is_late(self) -> None:
        self._head_due = None
        if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
            detail = f"the head of the request was not sent within {self.guard.head_ms} ms"
            self._turn_away(HTTPStatus.REQUEST_TIMEOUT, "slow-headers", detail, "send the request again")

    def _turn_away(self, status: HTTPStatus, reason: str, detail: str, mend: str) -> None:
        self.guard.refused(reason)
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()  # an answer is already under way
            return
        body = json.dumps(problem_content(status, reason, detail, mend)).encode()
        headers = [("content-type", MEDIA_TYPE), ("content-length", str(len(body))), ("connection", "close")]
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append(("retry-after", "1"))
        answer = h11.Response(status_code=status, headers=headers, reason=status.phrase)
        for part in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(part) or b"")
        self.transport.close()
