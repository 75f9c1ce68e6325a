"""Webhook subscriptions over the API, as an app's owner manages them with the developer key."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sync.adapters.hubspot.sandbox.portal import Portal
from services.sync.adapters.hubspot.sandbox.refusal import Refusal
from services.sync.adapters.hubspot.sandbox.shapes import inputs_of, json_of
from services.sync.adapters.hubspot.sandbox.subscriptions import Subscription
from services.sync.adapters.hubspot.sandbox.values import iso
from services.sync.adapters.sandbox.admin import answer


class Hooks:
    """``/webhooks/v3/{app}/subscriptions``."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        """Return the routes."""
        base = "/webhooks/v3/{app:int}/subscriptions"
        return [
            Route(base, self.subscriptions, methods=["GET"]),
            Route(base, self.subscribe, methods=["POST"]),
            Route(f"{base}/batch/update", self.switch_batch, methods=["POST"]),
            Route(f"{base}/{{id:int}}", self.subscription, methods=["GET"]),
            Route(f"{base}/{{id:int}}", self.switch, methods=["PATCH"]),
            Route(f"{base}/{{id:int}}", self.unsubscribe, methods=["DELETE"]),
        ]

    async def subscriptions(self, _request: Request) -> Response:
        """Return all webhook subscriptions."""
        return answer({"results": [each.as_json() for each in self._portal.subscriptions.all.values()]})

    async def subscribe(self, request: Request) -> Response:
        """Add a webhook subscription; it starts paused unless it says otherwise."""
        body = await json_of(request)
        made = self._portal.subscriptions.add(
            str(body.get("eventType")),
            at=self._portal.clock.now(),
            property=body.get("propertyName"),
            type_id=body.get("objectTypeId"),
            active=body.get("active") is True,
        )
        return answer(made.as_json(), 201)

    async def subscription(self, request: Request) -> Response:
        """Return one webhook subscription."""
        return answer(self._subscription(int(request.path_params["id"])).as_json())

    async def switch(self, request: Request) -> Response:
        """Pause a subscription or let it run."""
        found = self._subscription(int(request.path_params["id"]))
        found.active = (await json_of(request)).get("active") is True
        return answer(found.as_json())

    async def switch_batch(self, request: Request) -> Response:
        """Pause several subscriptions or let them run."""
        shown: list[dict[str, Any]] = []
        for each in inputs_of(await json_of(request), 1_000):
            found = self._subscription(int(each["id"]))
            found.active = each.get("active") is True
            shown.append(found.as_json())
        now = iso(self._portal.clock.now())
        return answer({"status": "COMPLETE", "results": shown, "startedAt": now, "completedAt": now})

    async def unsubscribe(self, request: Request) -> Response:
        """Remove a subscription."""
        self._portal.subscriptions.all.pop(self._subscription(int(request.path_params["id"])).id)
        return Response(status_code=204)

    def _subscription(self, number: int) -> Subscription:
        found = self._portal.subscriptions.all.get(number)
        if found is None:
            raise Refusal(404, "OBJECT_NOT_FOUND", f"No subscription {number}")
        return found
