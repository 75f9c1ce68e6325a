"""The door's web application: routes, descriptions, and nothing that works."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Request, Response

from services.runtime.clock import Clock
from services.runtime.health import Health
from services.runtime.metrics import Metrics
from services.runtime.problems import ProblemBody, install_problems
from services.runtime.status_routes import make_status_router
from services.runtime.tracing import Tracing
from services.sync.adapters.door.inbox_record import encode_received
from services.sync.adapters.door.webhooks import Append, Door, DoorLimits, Encode
from services.sync.application.ports import Connector

_DESCRIPTION = """\
Where the marketing and the sales tool call in, and where a person looks a lead up.

Every refusal is `application/problem+json` with `reason`, a stable word, and `mend`, what to do about it.
"""


def make_door(
    *,
    connectors: Mapping[str, Connector],
    append: Append,
    topic: str,
    public_url: str,
    clock: Clock,
    metrics: Metrics,
    health: Health,
    encode: Encode = encode_received,
    limits: DoorLimits | None = None,
    tracing: Tracing | None = None,
    routers: Sequence[APIRouter] = (),
    version: str = "0",
) -> FastAPI:
    """
    Return the application; serve it with `services.runtime.http.serve`.

    Args:
        connectors: By system; `POST /webhooks/{system}` reaches only these.
        append: `Log.append`, or what behaves like it.
        topic: The inbox topic's name.
        public_url: Where the vendors call, up to the path, as they know it: ``https://hooks.example.com``.
            Signatures are verified against it, so it never comes from a request.
        clock: For the signatures' window and `received_at`.
        metrics: Counts; served at /metrics.
        health: Judges; served at /health/live and /health/ready.
        encode: Makes the record's value.
        limits: How much is taken.
        tracing: Makes the door's span; off unless given.
        routers: Further routes, for instance `make_leads_router`.
        version: Shown in the OpenAPI document.
    """
    app = FastAPI(
        title="tasuki", version=version, description=_DESCRIPTION, redoc_url=None, redirect_slashes=False
    )
    install_problems(app)
    door = Door(
        connectors=connectors,
        append=append,
        encode=encode,
        topic=topic,
        public_url=public_url,
        clock=clock,
        limits=limits or DoorLimits(),
        metrics=metrics,
        tracing=tracing or Tracing(),
    )
    app.include_router(_webhook_router(door, sorted(connectors)))
    app.include_router(make_status_router(health, metrics))
    for router in routers:
        app.include_router(router)
    return app


def _webhook_router(door: Door, systems: Sequence[str]) -> APIRouter:
    router = APIRouter(tags=["webhooks"])
    described: Any = Path(description="The system that calls.", examples=list(systems) or ["hubspot"])

    @router.post(
        "/webhooks/{system}",
        status_code=204,
        response_class=Response,
        responses=_REFUSALS,
        openapi_extra={"requestBody": _REQUEST_BODY},
        summary="Take notifications in",
    )
    async def receive(system: Annotated[str, described], request: Request) -> Response:
        """
        Verify the signature over the raw body, keep each notification durably, answer 204.

        May be called with the same body again and again; each change still takes effect once.
        """
        await door.receive(system, request)
        return Response(status_code=204)

    _ = receive  # registered by its decorator
    return router


def _refusal(description: str, reason: str, detail: str, mend: str, *, waits: bool = False) -> dict[str, Any]:
    example = {"type": "about:blank", "reason": reason, "detail": detail, "mend": mend}
    seconds = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    content = {"application/problem+json": {"example": example}}
    described: dict[str, Any] = {"model": ProblemBody, "description": description, "content": content}
    return described | ({"headers": seconds} if waits else {})


_REFUSALS: dict[int | str, dict[str, Any]] = {
    204: {"description": "Every notification is durable."},
    400: _refusal(
        "Not what the vendor sends: `not-json`, `too-deep`, `bad-body`, `bad-event`, `too-many-events`.",
        *("not-json", "the body is not JSON in UTF-8, at character 0", "send JSON in UTF-8"),
    ),
    401: _refusal(
        "Not the vendor, or not now: `unsigned`, `bad-signature`, `stale`.",
        *("bad-signature", "the signature does not match", "check the app's secret and the public URL"),
    ),
    404: _refusal(
        "`unknown-system`.",
        "unknown-system",
        "no such system is configured",
        "configured: hubspot, salesforce",
    ),
    408: _refusal(
        "`slow-body`.", "slow-body", "the body was not sent within 2000 ms", "send the request again"
    ),
    413: _refusal(
        "`too-large`, or `record-too-large` for a single notification.",
        *("too-large", "the body is longer than 1048576 bytes", "send fewer events in one request"),
    ),
    415: _refusal(
        "`unsupported-media`, `unsupported-encoding`.",
        *("unsupported-media", "only JSON is taken", "Content-Type: application/json"),
    ),
    503: _refusal(
        "Not kept, or not known to be: `log-unavailable`, `timeout`, `busy`. Send it again.",
        *("log-unavailable", "the log is not available", "send the same request again"),
        waits=True,
    ),
}

_REQUEST_BODY: Mapping[str, Any] = {
    "required": True,
    "description": "The vendor's own body, signed by the vendor's own headers.",
    "content": {
        "application/json": {
            "schema": {},
            "examples": {
                "hubspot": {
                    "summary": "A contact's lifecycle stage changed in HubSpot",
                    "value": [
                        {
                            "subscriptionType": "contact.propertyChange",
                            "objectId": 41,
                            "propertyName": "lifecyclestage",
                            "propertyValue": "marketingqualifiedlead",
                            "occurredAt": 1_767_225_600_000,
                            "subscriptionId": 7,
                            "portalId": 1_000,
                            "attemptNumber": 0,
                        }
                    ],
                }
            },
        }
    },
}
