"""GET /dead-letters: what was set aside and what became of it, for people who hold the key. Read only."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Protocol

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from services.runtime.problems import Problem, ProblemBody
from services.sync.adapters.door.access import key_holders
from services.sync.application.letters import Letter, LetterState, Wanted

MOST = 1_000
_NO_STORE = {"Cache-Control": "no-store"}


class Letters(Protocol):
    """What the routes need of the dead letters."""

    async def lead_of(self, lead_or_email: str) -> str | None:
        """Return the lead_id of a lead_id or an e-mail address, None if there is none."""
        ...

    async def letters(self, wanted: Wanted) -> list[Letter]:
        """Return the letters that *wanted* takes, oldest first."""
        ...

    async def as_json(self, letter: Letter, *, whole: bool = False) -> dict[str, Any]:
        """Return *letter* as JSON; *whole* adds the original, and why it can't be replayed."""
        ...


class LetterBody(BaseModel):
    """One dead letter; instants are epoch ms."""

    id: str
    state: Literal["waiting", "replayed", "dropped"]
    reason: str = Field(examples=["refused:FIELD_CUSTOM_VALIDATION_EXCEPTION"])
    detail: str
    origin: str = Field(
        description="A topic with partition and offset, a system, or side and slot of a write."
    )
    key: str
    lead_id: str | None
    attempts: int
    failed_at: int
    marked_at: int | None = Field(description="When it was replayed or dropped.")
    marked_by: str | None


class LetterList(BaseModel):
    """The latest letters that were asked for, oldest first."""

    letters: list[LetterBody]
    total: int = Field(description="How many there are, more than are listed where there are many.")


def make_letters_router(letters: Letters, *, api_key: str | None, host: str) -> APIRouter:
    """
    Return the routes; who may call them is as for leads.

    Args:
        letters: Where the letters are looked up.
        api_key: What callers must present. None only for a loopback *host*.
        host: The address the server is bound to.

    Raises:
        Misconfigured: No key although others can reach the server, or a key that can be guessed.
    """
    guard = key_holders(api_key=api_key, host=host, what="dead letters")
    router = APIRouter(tags=["dead letters"], dependencies=guard)
    refusals: dict[int | str, dict[str, Any]] = {
        401: {"model": ProblemBody, "description": "No key, or not the right one."}
    }
    unknown: dict[int | str, dict[str, Any]] = {404: {"model": ProblemBody, "description": "No such letter."}}

    @router.get("/dead-letters", response_model=LetterList, responses=refusals, summary="What was set aside")
    async def listed(
        reason: Annotated[
            str | None,
            Query(description="A reason, or its part before the colon: `refused`.", max_length=200),
        ] = None,
        lead: Annotated[str | None, Query(description="A lead_id or e-mail address.", max_length=320)] = None,
        state: Annotated[Literal["waiting", "replayed", "dropped", "all"], Query()] = "waiting",
        since: Annotated[int | None, Query(description="Set aside at or after, epoch ms.")] = None,
        until: Annotated[int | None, Query(description="Set aside at or before, epoch ms.")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 200,
    ) -> Response:
        """The latest of them, oldest first; all narrowings hold together."""
        lead_id = None if lead is None else await letters.lead_of(lead)
        found: Sequence[Letter] = []
        if lead is None or lead_id is not None:
            wanted = Wanted(
                reason=reason,
                lead_id=lead_id,
                since=since,
                until=until,
                states=() if state == "all" else (LetterState(state),),
            )
            found = await letters.letters(wanted)
        told = [await letters.as_json(each) for each in found[-limit:]]
        return JSONResponse({"letters": told, "total": len(found)}, headers=_NO_STORE)

    @router.get(
        "/dead-letters/{letter_id}", responses=refusals | unknown, summary="One letter with its original"
    )
    async def one(letter_id: Annotated[str, Path(max_length=320, examples=["i3-1841-x"])]) -> Response:
        """The letter, the original (which may hold personal data), and what stands in the way of a replay."""
        found = await letters.letters(Wanted(ids=(letter_id,)))
        if not found:
            mend = "`GET /dead-letters?state=all` lists them"
            raise Problem(404, "no-such-letter", "no dead letter has this id", mend=mend)
        return JSONResponse(await letters.as_json(found[0], whole=True), headers=_NO_STORE)

    _ = listed, one  # registered by their decorators
    return router
