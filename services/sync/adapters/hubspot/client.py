"""HTTP to HubSpot: credentials, timeouts, and its errors as the connector's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import httpx2
import orjson

from services.runtime.clock import Clock
from services.sync.adapters.hubspot.account import HubSpotAccount, OAuthGrant
from services.sync.adapters.hubspot.errors import call_meaning
from services.sync.adapters.hubspot.tokens import OAuthTokens, StaticToken, Tokens
from services.sync.application.ports import Forbidden, Throttled, Unauthorised, Unavailable
from services.sync.application.quota import UNGOVERNED, CallEnd, CallMeter, Refusal, Told
from services.sync.application.trouble import Meaning

INTERVAL, DAILY, SEARCH = "interval", "daily", "search"
"""HubSpot's limits; a call counts on the first two, a search on all."""

TOKEN_LIFE_S = 1_800
_LOCKED_WAIT_MS = 2_000
_BURST_WAIT_MS = 1_000

_LOCKED = 423


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What HubSpot's headers said last about the quota; None for what it did not say.

    Source: https://developers.hubspot.com/docs/api/usage-details
    """

    seen_at: int
    maximum: int | None = None
    remaining: int | None = None
    interval_ms: int | None = None
    daily: int | None = None
    daily_remaining: int | None = None


class ApiRefused(Exception):
    """HubSpot refused a request for good: the request is wrong, or something in it."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.category = str(body.get("category") or f"HTTP_{status}")
        self.message = str(body.get("message") or f"HubSpot answered {status}")
        self.body = body
        super().__init__(f"{self.category}: {self.message}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer; `body` is empty where there was none."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def parts(self, name: str) -> list[Mapping[str, Any]]:
        """Return the list of objects under *name*; what is no object is left out."""
        return objects(self.body.get(name))


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects in *value* if it is a list, nothing otherwise."""
    if not isinstance(value, list):
        return []
    return [each for each in cast("list[Any]", value) if isinstance(each, dict)]


class HubSpotClient:
    """
    Sends requests; repeats one only after renewing an expired OAuth token.

    `limits` is what HubSpot told last about the quota; `watchers` are called with it at each answer. `calls`
    counts the requests sent. `quota` is asked before each request that counts; OAuth's own don't.
    """

    def __init__(
        self,
        account: HubSpotAccount,
        clock: Clock,
        transport: httpx2.AsyncBaseTransport | None = None,
        quota: CallMeter = UNGOVERNED,
    ) -> None:
        self._quota = quota
        self._account = account
        self._clock = clock
        self._transport = transport
        self._http: httpx2.AsyncClient | None = None
        self.limits: Limits | None = None
        self.calls = 0
        self.watchers: list[Callable[[Limits], None]] = []
        self._tokens: Tokens = StaticToken(account.token or "")
        if account.oauth is not None:
            self._tokens = OAuthTokens(account.oauth, self._grant, clock)

    def start(self) -> None:
        """Make ready to connect; nothing is sent."""
        timeout = httpx2.Timeout(
            self._account.timeout_ms / 1000, connect=self._account.connect_timeout_ms / 1000
        )
        self._http = httpx2.AsyncClient(
            base_url=self._account.base_url, timeout=timeout, transport=self._transport
        )

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    async def token(self) -> str:
        """Return the access token in use."""
        return await self._tokens.current()

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Send a GET with credentials."""
        return await self._authorised("GET", path, params, None)

    async def post(self, path: str, body: Any, params: Mapping[str, str] | None = None) -> Answer:
        """Send *body* as JSON with credentials."""
        return await self._authorised("POST", path, params, orjson.dumps(body))

    async def get_as_developer(self, path: str, key: str) -> Answer:
        """Send a GET with the developer key of the app's owner instead of a token."""
        return self._judge(await self._metered("GET", path, {"hapikey": key}, None, {}))

    async def post_form(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send *form* without credentials, as OAuth wants it."""
        return self._judge(await self._send("POST", path, None, dict(form), {}))

    async def _authorised(
        self, method: str, path: str, params: Mapping[str, str] | None, content: bytes | None
    ) -> Answer:
        token = await self._tokens.current()
        response = await self._metered(method, path, params, content, _headers(token))
        if response.status_code == 401:  # noqa: PLR2004 - HTTP
            other = await self._tokens.renewed(token)
            if other is not None:
                response = await self._metered(method, path, params, content, _headers(other))
        return self._judge(response)

    async def _metered(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        content: bytes | None,
        headers: Mapping[str, str],
    ) -> httpx2.Response:
        """Send when the quota allows it, and tell it what the answer says of it."""
        searches = path.endswith("/search")
        ticket = await self._quota.take((INTERVAL, DAILY, SEARCH) if searches else (INTERVAL, DAILY))
        try:
            response = await self._send(method, path, params, content, headers)
        except Unavailable:
            await self._quota.settle(ticket, CallEnd(answered=False))
            raise
        refusal = _refusal(response, searches=searches)
        told = _told(_limits(response, self._clock()))
        if (out := await self._quota.settle(ticket, CallEnd(told=told, refusal=refusal))) is not None:
            raise out
        return response

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        content: bytes | dict[str, str] | None,
        headers: Mapping[str, str],
    ) -> httpx2.Response:
        if self._http is None:
            raise RuntimeError("the HubSpot connector has not been started")
        self.calls += 1
        try:
            if isinstance(content, dict):
                response = await self._http.request(method, path, data=content)
            else:
                response = await self._http.request(
                    method, path, params=params, content=content, headers=dict(headers)
                )
        except httpx2.HTTPError as error:
            raise Unavailable(f"HubSpot cannot be reached: {type(error).__name__}") from error
        self._note(response)
        return response

    def _judge(self, response: httpx2.Response) -> Answer:
        """Return a successful answer, or raise what the status means."""
        status = response.status_code
        body = _json(response)
        if response.is_success:
            if body is None:
                raise Unavailable(f"HubSpot answered {status} with something that is not JSON")
            return Answer(status, body)
        told = body or {}
        text = f"HubSpot answered {status} {told.get('category', '')}: {told.get('message', '')}"
        match call_meaning(status, str(told.get("category") or "")):
            case Meaning.THROTTLED:
                raise Throttled(text, retry_after_ms=_retry_after(response) or _pause(told))
            case Meaning.CREDENTIALS:
                raise Unauthorised(text)
            case Meaning.PERMISSION:
                raise Forbidden(text)
            case Meaning.PASSING:
                wait_ms = _LOCKED_WAIT_MS if status == _LOCKED else None
                raise Unavailable(text, retry_after_ms=_retry_after(response) or wait_ms)
            case Meaning.PERMANENT:
                raise ApiRefused(status, told)

    def _note(self, response: httpx2.Response) -> None:
        limits = _limits(response, self._clock())
        if limits is not None:
            self.limits = limits
            for watcher in self.watchers:
                watcher(limits)

    async def _grant(self, grant: OAuthGrant) -> tuple[str, int]:
        form = {
            "grant_type": "refresh_token",
            "client_id": grant.client_id,
            "client_secret": grant.client_secret,
            "refresh_token": grant.refresh_token,
        }
        try:
            answer = await self.post_form("/oauth/v3/token", form)
        except ApiRefused as refused:
            raise Unauthorised(f"HubSpot gives no access token: {refused.message}") from refused
        token, life = answer.body.get("access_token"), answer.body.get("expires_in")
        if not isinstance(token, str):
            raise Unavailable("HubSpot's answer to a token refresh holds no token")
        return token, 1000 * (life if isinstance(life, int) else TOKEN_LIFE_S)


def _limits(response: httpx2.Response, now: int) -> Limits | None:
    """Return what the answer's headers say of the quota; None where there are none, as after a search."""

    def figure(name: str) -> int | None:
        text = response.headers.get(f"x-hubspot-ratelimit-{name}", "")
        return int(text) if text.isascii() and text.isdigit() else None

    if "x-hubspot-ratelimit-max" not in response.headers:
        return None
    names = ("max", "remaining", "interval-milliseconds", "daily", "daily-remaining")
    return Limits(now, *(figure(each) for each in names))


def _told(limits: Limits | None) -> list[Told]:
    if limits is None:
        return []
    figures = (
        (INTERVAL, limits.maximum, limits.remaining),
        (DAILY, limits.daily, limits.daily_remaining),
    )
    return [Told(name, most, left) for name, most, left in figures if left is not None]


def _refusal(response: httpx2.Response, *, searches: bool) -> Refusal | None:
    """Return which limit a 429 is about."""
    if response.status_code != 429:  # noqa: PLR2004 - HTTP
        return None
    told = _json(response) or {}
    policy = told.get("policyName")
    if policy == "DAILY":
        return Refusal(DAILY, _retry_after(response))
    limit = SEARCH if policy == "SECONDLY" and searches else INTERVAL
    return Refusal(limit, _retry_after(response))


def _headers(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def _json(response: httpx2.Response) -> Mapping[str, Any] | None:
    """Return the body if it is a JSON object, ``{}`` if there is none, None if it is anything else."""
    if not response.content:
        return {}
    try:
        body: Any = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return cast("Mapping[str, Any]", body) if isinstance(body, dict) else None


def _retry_after(response: httpx2.Response) -> int | None:
    text = response.headers.get("retry-after", "")
    return int(text) * 1000 if text.isascii() and text.isdigit() else None


def _pause(told: Mapping[str, Any]) -> int | None:
    """Return how long to wait after 429, which HubSpot doesn't say: its windows slide, a day's does not."""
    return None if told.get("policyName") == "DAILY" else _BURST_WAIT_MS
