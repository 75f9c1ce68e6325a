"""What every API request passes first: credentials, scopes, limits, and the faults that are switched on."""

import asyncio
import re
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.runtime.clock import now_ms
from services.sync.adapters.hubspot.sandbox.refusal import Refusal
from services.sync.adapters.hubspot.sandbox.settings import SandboxSettings
from services.sync.adapters.hubspot.sandbox.tokens import Tokens
from services.sync.adapters.sandbox.faults import FaultSource

WINDOW_MS = 10_000
DAY_MS = 86_400_000
_NUMBER = re.compile(r"/\d+(?=/|$)")


class Quota:
    """HubSpot's limits: requests in a sliding ten seconds, in a day, and searches in a second."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._recent: deque[float] = deque()
        self._searches: deque[float] = deque()
        self._day = 0
        self._today = 0

    @property
    def remaining(self) -> int:
        """Requests left in the present ten seconds."""
        _drop(self._recent, WINDOW_MS / 1000)
        return max(0, self._settings.ten_secondly - len(self._recent))

    @property
    def daily_remaining(self) -> int:
        """Requests left today, UTC."""
        return max(0, self._settings.daily - self._today)

    def spend(self, *, search: bool) -> None:
        """Count one request, or refuse it with 429."""
        day = now_ms() // DAY_MS
        if day != self._day:
            self._day, self._today = day, 0
        if not self.daily_remaining:
            raise too_many("DAILY", "daily")
        if search:
            _drop(self._searches, 1)
            if len(self._searches) >= self._settings.search_per_second:
                raise too_many("SECONDLY", "secondly")
            self._searches.append(time.monotonic())
        if not self.remaining:
            raise too_many("TEN_SECONDLY_ROLLING", "ten_secondly_rolling")
        self._recent.append(time.monotonic())
        self._today += 1

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers that tell how much is left."""
        figures = {
            "max": self._settings.ten_secondly,
            "remaining": self.remaining,
            "interval-milliseconds": WINDOW_MS,
            "daily": self._settings.daily,
            "daily-remaining": self.daily_remaining,
        }
        return [
            (f"x-hubspot-ratelimit-{name}".encode(), str(figure).encode()) for name, figure in figures.items()
        ]


def too_many(policy: str, name: str) -> Refusal:
    """Return the answer to a request over a limit."""
    message = f"You have reached your {name} limit."
    return Refusal(429, "RATE_LIMITS", message, extra={"errorType": "RATE_LIMIT", "policyName": policy})


class Gate:
    """The outermost layer of the sandbox's API."""

    def __init__(
        self, app: ASGIApp, settings: SandboxSettings, tokens: Tokens, quota: Quota, faults: FaultSource
    ) -> None:
        self._app = app
        self._settings = settings
        self._tokens = tokens
        self._quota = quota
        self._faults = faults
        self._number = 0
        self.requests: Counter[tuple[str, str]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or path == "/" or path.startswith("/_sandbox"):
            await self._app(scope, receive, send)
            return
        route = f"{scope['method']} {_NUMBER.sub('/{id}', path)}"
        search = path.endswith("/search")
        try:
            await self._admit(scope, path, search=search)
        except Refusal as refusal:
            await self._refuse(send, refusal, route)
            return
        await self._serve(scope, receive, send, route, search=search)

    async def _admit(self, scope: Scope, path: str, *, search: bool) -> None:
        faults, source = self._faults.faults, self._faults
        if faults.outage:
            raise Refusal(503, "INTERNAL_ERROR", "Service unavailable")
        if source.strikes(faults.slow):
            await asyncio.sleep(faults.slow_ms / 1000)
        if source.strikes(faults.too_many_requests):
            raise too_many("TEN_SECONDLY_ROLLING", "ten_secondly_rolling")
        if source.strikes(faults.server_error):
            raise Refusal((500, 502, 503)[int(source.chance() * 3)], "INTERNAL_ERROR", "internal error")
        if path.startswith("/oauth/"):
            if faults.revoked:
                raise Refusal(400, "BAD_REFRESH_TOKEN", "missing or invalid refresh token")
            return
        token = "" if faults.revoked else _bearer(scope)
        if not (path.startswith("/webhooks/") and self._tokens.is_developer(scope)):
            if source.strikes(faults.expire_session):
                self._tokens.expire(token)
                raise Refusal(
                    401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired."
                )
            self._tokens.check(token)
        self._check_scope(scope, path)
        self._quota.spend(search=search)

    def _check_scope(self, scope: Scope, path: str) -> None:
        found = re.match(r"/crm/(?:v3|v4)/objects/(contacts|companies|deals)\b(.*)", path)
        if found is None:
            return
        reads = scope["method"] == "GET" or found[2] in {"/search", "/batch/read"}
        needed = f"crm.objects.{found[1]}.{'read' if reads else 'write'}"
        if needed not in self._settings.scopes or (self._faults.faults.read_only and not reads):
            raise Refusal(
                403,
                "MISSING_SCOPES",
                "This app hasn't been granted all required scopes to make this call.",
                context={"requiredGranularScopes": [needed]},
            )

    async def _serve(self, scope: Scope, receive: Receive, send: Send, route: str, *, search: bool) -> None:
        faults, source = self._faults.faults, self._faults
        if source.strikes(faults.reset):
            if source.chance() >= 1 / 2:
                await self._app(scope, receive, _nowhere)
            self.requests[(route, "reset")] += 1
            await _cut(send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.requests[(route, str(message["status"]))] += 1
                if not search:
                    message["headers"] = [*message["headers"], *self._quota.headers()]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Refusal as refusal:
            await self._refuse(counted, refusal, None)

    async def _refuse(self, send: Send, refusal: Refusal, route: str | None) -> None:
        self._number += 1
        if route is not None:
            self.requests[(route, str(refusal.status))] += 1
        await respond(send, refusal.status, refusal.body(self._number))


async def respond(send: Send, status: int, body: Mapping[str, Any]) -> None:
    """Send *body* as the JSON answer."""
    content = orjson.dumps(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _nowhere(_message: Message) -> None:
    """Take an answer that its client will never see."""


async def _cut(send: Send) -> None:
    """Begin an answer and leave it: the server then drops the connection."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})


def _bearer(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return str(value, "latin-1").removeprefix("Bearer ")
    return ""


def _drop(times: deque[float], age: float) -> None:
    oldest = time.monotonic() - age
    while times and times[0] <= oldest:
        times.popleft()
