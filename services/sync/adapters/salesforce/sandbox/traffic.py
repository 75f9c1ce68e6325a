"""What happens to each API request before it is looked at: counting, quota, sessions, faults."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from services.sync.adapters.salesforce.sandbox.oauth import Logins
from services.sync.adapters.salesforce.sandbox.organisation import Organisation
from services.sync.adapters.salesforce.sandbox.refusal import CallError

Message: TypeAlias = MutableMapping[str, Any]
API = "/services/data/"
MAX_URI_BYTES = 16_384
_SERVER_ERRORS = (
    (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."),
    (502, "SERVER_UNAVAILABLE", "Bad gateway"),
    (503, "SERVER_UNAVAILABLE", "Server is too busy"),
)
_EXPIRED = CallError(401, "INVALID_SESSION_ID", "Session expired or invalid")


class Traffic:
    """ASGI middleware around the vendor's API; the admin surface passes untouched."""

    def __init__(self, app: ASGIApp, org: Organisation, logins: Logins) -> None:
        self._app = app
        self._org = org
        self._logins = logins
        self.requests: Counter[str] = Counter()
        self.calls = 0

    def reset(self) -> None:
        """Forget the figures and give the quota back."""
        self.requests.clear()
        self.calls = 0

    @property
    def calls_left(self) -> int:
        """How many calls are left of the daily ones."""
        return max(0, self._org.settings.daily_calls - self.calls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/services/"):
            await self._app(scope, receive, send)
            return
        faults = self._org.faults
        if faults.strikes(faults.faults.slow):
            await asyncio.sleep(faults.faults.slow_ms / 1000)
        dropped = faults.strikes(faults.faults.reset)
        if dropped and faults.chance() < 0.5:  # noqa: PLR2004 -- before or after the work, evenly
            await _drop(send)
            return
        try:
            self._admit(scope)
        except CallError as error:
            await self._answer(error, self._noting(scope, send))
            return
        if dropped:
            await self._app(scope, receive, _unheard)
            await _drop(send)
            return
        await self._app(scope, receive, self._noting(scope, send))

    def _admit(self, scope: Scope) -> None:
        """Let the request in and say who asks. Raises CallError."""
        faults = self._org.faults
        if faults.faults.outage:
            raise CallError(503, "SERVER_UNAVAILABLE", "The service is down for maintenance.")
        if faults.strikes(faults.faults.server_error):
            raise CallError(*_SERVER_ERRORS[int(faults.chance() * len(_SERVER_ERRORS))])
        if not scope["path"].startswith(API):
            return
        if len(scope["raw_path"] or b"") + len(scope["query_string"]) > MAX_URI_BYTES:
            raise CallError(414, "URI_TOO_LONG", "The length of the URI exceeds the limit.")
        token = _token(scope)
        if faults.faults.revoked or faults.strikes(faults.faults.expire_session):
            self._logins.end(token)
        user = self._logins.user(token)
        if user is None:
            raise _EXPIRED
        if self.calls_left == 0:
            raise CallError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        if faults.strikes(
            faults.faults.too_many_requests
        ):  # at once: the day's calls would be gone for the day
            raise CallError(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.")
        self.calls += 1
        scope["user"] = user

    def _noting(self, scope: Scope, send: Send) -> Send:
        """Return *send*, adding the limit header and counting the answer."""
        path = scope["path"]

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.requests[f"{scope['method']} {_route(path)} {message['status']}"] += 1
                if path.startswith(API):
                    usage = f"api-usage={self.calls}/{self._org.settings.daily_calls}".encode()
                    message["headers"] = [*message["headers"], (b"sforce-limit-info", usage)]
            await send(message)

        return noting

    async def _answer(self, error: CallError, send: Send) -> None:
        body = orjson.dumps(error.body())
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _token(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return value.decode("latin-1").removeprefix("Bearer ")
    return ""


def _route(path: str) -> str:
    """Return *path* without the version and without what follows the object's name."""
    parts = path.split("/")[4:] if path.startswith(API) else path.split("/")[2:]
    return "/".join(parts[:3])


async def _unheard(_message: Message) -> None:
    """Take an answer that nobody will hear."""


async def _drop(send: Callable[[Message], Awaitable[None]]) -> None:
    """Break the connection without an answer."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise RuntimeError("the server gives no way to its connection")
    transport.abort()
    await asyncio.sleep(0.01)  # the server notices the end of the connection in its next turns
