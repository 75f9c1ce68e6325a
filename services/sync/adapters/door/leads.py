"""GET /leads/{id_or_email}: what is known of a lead and why, for people who hold the key."""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.responses import JSONResponse

from services.errors import Misconfigured
from services.runtime.http import is_loopback
from services.runtime.problems import Problem, ProblemBody

Timeline = Callable[[str], Awaitable[dict[str, Any] | None]]
"""Returns a lead's present state and history by lead_id or e-mail address; None when there is no such lead."""

_SHORTEST_KEY = 16

_bearer = HTTPBearer(auto_error=False, description="The API key of the configuration.")
_header = APIKeyHeader(name="X-Api-Key", auto_error=False, description="The API key of the configuration.")


def make_leads_router(timeline: Timeline, *, api_key: str | None, host: str) -> APIRouter:
    """
    Return the route.

    Args:
        timeline: Looks a lead up.
        api_key: What callers must present, as Bearer token or X-Api-Key. None only for a loopback *host*.
        host: The address the server is bound to.

    Raises:
        Misconfigured: No key although others can reach the server, or a key that can be guessed.
    """
    if api_key is None and not is_loopback(host):
        raise Misconfigured(
            f"leads are served at {host!r}, which others can reach, without an API key:"
            " set one, or bind to 127.0.0.1"
        )
    if api_key is not None and len(api_key) < _SHORTEST_KEY:
        raise Misconfigured(f"the API key must have {_SHORTEST_KEY} characters or more")
    guard = _require(api_key) if api_key is not None else _require_local_name
    router = APIRouter(tags=["leads"], dependencies=[Depends(_bearer), Depends(_header), Depends(guard)])
    refusals: dict[int | str, dict[str, Any]] = {
        401: {"model": ProblemBody, "description": "No key, or not the right one."},
        404: {"model": ProblemBody, "description": "No such lead."},
    }

    @router.get("/leads/{id_or_email}", responses=refusals, summary="A lead and its history")
    async def lead(
        id_or_email: Annotated[
            str,
            Path(
                description="Our lead_id, or the lead's e-mail address.",
                max_length=320,
                examples=["0199d0e5-5b1c-7c3e-9d2a-7f0c3f1b2a4d", "taro@example.com"],
            ),
        ],
    ) -> Response:
        """The present fields, links, milestones and every decision with its rule."""
        found = await timeline(id_or_email)
        if found is None:
            raise Problem(404, "no-such-lead", "no lead has this id or address", mend="look in either system")
        return JSONResponse(found, headers={"Cache-Control": "no-store"})

    _ = lead  # registered by its decorator
    return router


def _require(api_key: str) -> Callable[[Request], None]:
    # Hashed, for the comparison takes constant time only over equal lengths.
    expected = hashlib.sha256(api_key.encode()).digest()

    def guard(request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
        presented = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
        if not hmac.compare_digest(presented, expected):
            mend = "send the key as `Authorization: Bearer …` or `X-Api-Key: …`"
            raise Problem(401, "unauthorised", "the API key is missing or wrong", mend=mend)

    return guard


def _require_local_name(request: Request) -> None:
    # A page in the user's browser may point a name of its own at 127.0.0.1 and read what no key protects.
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if not is_loopback(name):
        mend = "call http://127.0.0.1, or set an API key"
        raise Problem(403, "foreign-host", "without an API key only local names are answered", mend=mend)
