"""Tokens over the API: refreshed, introspected."""

from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sync.adapters.hubspot.sandbox.portal import Portal
from services.sync.adapters.hubspot.sandbox.refusal import Refusal
from services.sync.adapters.hubspot.sandbox.settings import SandboxSettings
from services.sync.adapters.hubspot.sandbox.shapes import json_of
from services.sync.adapters.sandbox.admin import answer


class OAuth:
    """``/oauth/…``."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/oauth/v3/token", self.token, methods=["POST"]),
            Route("/oauth/v3/token/introspect", self.introspect, methods=["POST"]),
            Route("/oauth/v2/private-apps/get/access-token-info", self.token_info, methods=["POST"]),
        ]

    async def token(self, request: Request) -> Response:
        """Give an access token for a refresh token."""
        form = await _form(request)
        if form.get("grant_type") != "refresh_token":
            raise Refusal(400, "BAD_GRANT_TYPE", "missing or unknown grant type")
        named = (form.get(each, "") for each in ("client_id", "client_secret", "refresh_token"))
        token = self._portal.tokens.issue(*named)
        return answer(
            {
                "access_token": token,
                "refresh_token": self._portal.settings.refresh_token,
                "expires_in": self._portal.settings.token_life_ms // 1000,
                "token_type": "bearer",
                "token_use": "access_token",
                "hub_id": self._portal.settings.portal_id,
                "scopes": list(self._portal.settings.scopes),
            }
        )

    async def introspect(self, request: Request) -> Response:
        """Tell what an OAuth access token opens."""
        token = (await _form(request)).get("token", "")
        settings = self._portal.settings
        return answer(
            {
                "active": self._portal.tokens.lives(token),
                "token": token,
                "token_use": "access_token",
                "token_type": "bearer",
                "hub_id": settings.portal_id,
                "app_id": settings.app_id,
                "client_id": settings.client_id,
                "scopes": list(settings.scopes),
                "expires_in": settings.token_life_ms // 1000,
                "user_id": 1,
                "is_private_distribution": True,
                "signed_access_token": _signed(settings),
            }
        )

    async def token_info(self, request: Request) -> Response:
        """Tell what a private app's token opens."""
        settings = self._portal.settings
        if (await json_of(request)).get("tokenKey") != settings.token:
            raise Refusal(404, "OBJECT_NOT_FOUND", "token not found")
        scopes = list(settings.scopes)
        return answer({"userId": 1, "hubId": settings.portal_id, "appId": settings.app_id, "scopes": scopes})


async def _form(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}


def _signed(settings: SandboxSettings) -> dict[str, Any]:
    """Return the part of an introspection that HubSpot signs, with nothing real in it."""
    texts = ("appInstallId", "audience", "hublet", "newSignature", "scopeToScopeGroupPks", "scopes")
    texts += ("signature", "trialScopeToScopeGroupPks", "trialScopes")
    return {
        **dict.fromkeys(texts, ""),
        "appId": settings.app_id,
        "hubId": settings.portal_id,
        "expiresAt": 0,
        "installingUserId": 1,
        "userId": 1,
        "isPrivateDistribution": True,
        "isServiceAccount": False,
        "isUserLevel": False,
    }
