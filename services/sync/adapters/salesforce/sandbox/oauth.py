"""The token endpoint: client credentials and JWT bearer, and the sessions they open."""

import hmac
import secrets
from collections.abc import Mapping
from typing import Any

import jwt

from services.runtime.clock import Clock
from services.sync.adapters.salesforce.sandbox.organisation import ORGANISATION_ID, Organisation

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MAX_ASSERTION_S = 300


class OAuthError(Exception):
    """The login is refused, with the vendor's word and text for it."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


class Logins:
    """Opens sessions and knows whose they are."""

    def __init__(self, org: Organisation, clock: Clock) -> None:
        self._org = org
        self._clock = clock
        self._sessions: dict[str, tuple[str, int]] = {}
        self.opened = 0

    def grant(self, form: Mapping[str, str], base_url: str) -> dict[str, Any]:
        """Return the answer of the token endpoint. Raises OAuthError."""
        if self._org.faults.faults.revoked:
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        kind = form.get("grant_type")
        if kind == "client_credentials":
            user = self._by_secret(form)
        elif kind == JWT_GRANT:
            user = self._by_assertion(form.get("assertion", ""))
        else:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        token = f"{ORGANISATION_ID[:15]}!{secrets.token_urlsafe(48)}"
        self._sessions[token] = (user, self._clock())
        self.opened += 1
        return {
            "access_token": token,
            "instance_url": base_url,
            "id": f"{base_url}/id/{ORGANISATION_ID}/{user}",
            "token_type": "Bearer",
            "issued_at": str(self._clock()),
            "scope": "api",
        }

    def user(self, token: str) -> str | None:
        """Return whose session *token* is, or None when there is none any more."""
        session = self._sessions.get(token)
        if session is None:
            return None
        user, opened_at = session
        life = self._org.settings.session_ms
        if life is not None and self._clock() - opened_at >= life:
            del self._sessions[token]
            return None
        return user

    def end(self, token: str) -> None:
        """End a session."""
        self._sessions.pop(token, None)

    def end_all(self) -> None:
        """End all sessions."""
        self._sessions.clear()

    def _by_secret(self, form: Mapping[str, str]) -> str:
        settings = self._org.settings
        if form.get("client_id") != settings.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        if not hmac.compare_digest(form.get("client_secret", ""), settings.client_secret):
            raise OAuthError("invalid_client", "invalid client credentials")
        return self._org.integration_user

    def _by_assertion(self, assertion: str) -> str:
        settings = self._org.settings
        try:
            claims = jwt.decode(
                assertion,
                settings.public_key or "",
                algorithms=["RS256"],
                audience=settings.audience,
                options={
                    "verify_signature": settings.public_key is not None,
                    "verify_aud": True,
                    "verify_exp": False,
                    "require": ["iss", "sub", "aud", "exp"],
                },
            )
        except jwt.InvalidAudienceError:
            raise OAuthError("invalid_grant", "audience is invalid") from None
        except jwt.PyJWTError as error:
            raise OAuthError("invalid_grant", f"invalid assertion: {error}") from None
        now_s = self._clock() // 1000
        if not now_s < int(claims["exp"]) <= now_s + MAX_ASSERTION_S:
            raise OAuthError("invalid_grant", "expired authorization code")
        if claims["iss"] != settings.client_id:
            raise OAuthError("invalid_client_id", "client identifier invalid")
        found = self._org.tables["User"].live("Username", claims["sub"])
        if not found or not found[0].get("IsActive"):
            raise OAuthError("invalid_grant", "user hasn't approved this consumer")
        return str(found[0]["Id"])
