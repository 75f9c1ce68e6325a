"""The OAuth session: logs in, and again, once for all callers, when the vendor ends it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import httpx2
import jwt
import orjson
import structlog

from services.runtime.clock import Clock
from services.sync.adapters.salesforce.account import ClientCredentials, JwtBearer, SalesforceAccount
from services.sync.adapters.salesforce.errors import (
    HTTP_SERVER_ERROR,
    HTTP_TOO_MANY_REQUESTS,
    LOGIN_ERRORS,
)
from services.sync.application.ports import Throttled, Unauthorised, Unavailable
from services.sync.application.trouble import Meaning

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105 -- a path, not a secret
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFE_S = 180
"""
The assertion's life, not the session's; the vendor refuses long ones.

Source: https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm
"""

_logger = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A session: where to call, with what token, as which user of which organisation."""

    token: str = field(repr=False)
    instance_url: str
    user_id: str
    organisation_id: str


class Sessions:
    """Hands out the session. A login that is under way is shared by all who wait for it."""

    def __init__(self, http: httpx2.AsyncClient, account: SalesforceAccount, clock: Clock) -> None:
        self._http = http
        self._account = account
        self._clock = clock
        self._session: Session | None = None
        self._lock = asyncio.Lock()

    async def current(self) -> Session:
        """Return the session, logging in if there is none. Raises Unauthorised, Unavailable, Throttled."""
        if self._session is not None:
            return self._session
        return await self.renewed(None)

    async def renewed(self, stale: Session | None) -> Session:
        """Return a session other than *stale*, which the vendor no longer takes."""
        async with self._lock:
            if self._session is None or self._session is stale:
                self._session = None
                self._session = await self._log_in()
            return self._session

    async def _log_in(self) -> Session:
        url = self._account.login_url.rstrip("/") + TOKEN_PATH
        try:
            response = await self._http.post(url, data=self._grant())
        except httpx2.TransportError as error:
            raise Unavailable(f"Salesforce's login cannot be reached: {type(error).__name__}") from error
        session = _session_of(response)
        _logger.info("session.opened", organisation=session.organisation_id, user=session.user_id)
        return session

    def _grant(self) -> Mapping[str, str]:
        auth = self._account.auth
        if isinstance(auth, ClientCredentials):
            return {
                "grant_type": "client_credentials",
                "client_id": auth.client_id,
                "client_secret": auth.client_secret,
            }
        return {"grant_type": JWT_GRANT, "assertion": assertion(auth, self._clock())}


def assertion(auth: JwtBearer, now: int) -> str:
    """Return the signed statement that we are the user. Raises Unauthorised for a key that cannot sign."""
    claims = {
        "iss": auth.client_id,
        "sub": auth.username,
        "aud": auth.audience,
        "exp": now // 1000 + ASSERTION_LIFE_S,
    }
    try:
        return jwt.encode(claims, auth.private_key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError) as error:
        raise Unauthorised(f"The private key for Salesforce cannot sign: {error}") from error


def _session_of(response: httpx2.Response) -> Session:
    """Return the session in the token endpoint's answer, or raise what it means."""
    body = _object_in(response)
    status = response.status_code
    if status == HTTP_TOO_MANY_REQUESTS:
        raise Throttled("Salesforce's login answered 429")
    if status >= HTTP_SERVER_ERROR or (response.is_success and "access_token" not in body):
        raise Unavailable(f"Salesforce's login answered {status}")
    meaning = LOGIN_ERRORS.get(str(body.get("error")), Meaning.CREDENTIALS)
    if not response.is_success and meaning is not Meaning.CREDENTIALS:
        kind = Throttled if meaning is Meaning.THROTTLED else Unavailable
        raise kind(f"Salesforce's login answered {status} {body.get('error')}")
    if not response.is_success:
        raise Unauthorised(
            f"Salesforce refuses the login: {body.get('error')}: {body.get('error_description')}. "
            "Check the connected app, its policies and the secret or key."
        )
    organisation, user = _identity(str(body.get("id", "")))
    return Session(
        token=str(body["access_token"]),
        instance_url=str(body.get("instance_url", "")).rstrip("/"),
        user_id=user,
        organisation_id=organisation,
    )


def _object_in(response: httpx2.Response) -> Mapping[str, object]:
    try:
        raw = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raw = None
    return cast("Mapping[str, object]", raw if isinstance(raw, Mapping) else {})


def _identity(url: str) -> tuple[str, str]:
    """Return organisation and user from the identity URL, ``…/id/<organisation>/<user>``."""
    head, _, user = url.rstrip("/").rpartition("/")
    return head.rpartition("/")[2], user
