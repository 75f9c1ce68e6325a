"""The simulated portal's credentials: the private app's token, OAuth tokens with a life, the developer key."""

from urllib.parse import parse_qs

from starlette.types import Scope

from services.runtime.clock import now_ms
from services.sync.adapters.hubspot.sandbox.refusal import Refusal
from services.sync.adapters.hubspot.sandbox.settings import SandboxSettings


class Tokens:
    """Knows which credentials open the portal now."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._ends: dict[str, int] = {}
        self._issued = 0

    @property
    def issued(self) -> int:
        """How many access tokens were given out."""
        return self._issued

    def issue(self, client_id: str, client_secret: str, refresh_token: str) -> str:
        """Return a new access token for the right refresh token."""
        known = self._settings
        if (client_id, client_secret) != (known.client_id, known.client_secret):
            raise Refusal(400, "BAD_CLIENT_ID", "missing or unknown client id or secret")
        if refresh_token != known.refresh_token:
            raise Refusal(400, "BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        self._issued += 1
        token = f"sandbox-access-{self._issued}"
        self._ends[token] = now_ms() + known.token_life_ms
        return token

    def expire(self, token: str) -> None:
        """Kill an OAuth access token; a private app's token lives on."""
        self._ends.pop(token, None)

    def lives(self, token: str) -> bool:
        """Return whether *token* opens the portal."""
        return token == self._settings.token or self._ends.get(token, 0) > now_ms()

    def check(self, token: str) -> None:
        """Refuse a request whose token is missing, unknown or past its time."""
        if self.lives(token):
            return
        if token in self._ends or token.startswith("sandbox-access-"):
            raise Refusal(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired.")
        raise Refusal(
            401,
            "INVALID_AUTHENTICATION",
            "Authentication credentials not found. This API supports OAuth 2.0 authentication.",
        )

    def is_developer(self, scope: Scope) -> bool:
        """Return whether the request carries the developer key of the app's owner."""
        asked = parse_qs(bytes(scope["query_string"]).decode("latin-1"))
        return asked.get("hapikey") == [self._settings.developer_key]
