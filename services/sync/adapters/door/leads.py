"""GET /leads/{id_or_email}: what is known of a lead and why, for people who hold the key."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from starlette.responses import JSONResponse

from services.runtime.problems import Problem, ProblemBody
from services.sync.adapters.door.access import key_holders

Timeline = Callable[[str], Awaitable[dict[str, Any] | None]]
"""Returns a lead's present state and history by lead_id or e-mail address; None when there is no such lead."""


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
    router = APIRouter(tags=["leads"], dependencies=key_holders(api_key=api_key, host=host, what="leads"))
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
