"""
Errors over HTTP as problem+json: what is wrong, the stable word for it, and how to mend it.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from services.errors import Rejected, Retryable
from services.runtime.logs import events

MEDIA_TYPE = "application/problem+json"

log = events()


class ProblemBody(BaseModel):
    """What the body of every error answer holds."""

    type: str = Field(default="about:blank", description="Always about:blank; `reason` tells problems apart.")
    title: str = Field(description="The status in words.", examples=["Unauthorized"])
    status: int = Field(description="The HTTP status.", examples=[401])
    detail: str = Field(description="What is wrong, for a person.", examples=["the signature does not match"])
    reason: str = Field(description="A short stable word, for programs.", examples=["bad-signature"])
    mend: str = Field(description="What to do about it.", examples=["check the app secret"])


class Problem(HTTPException):
    """
    An answer that tells what went wrong; raise it anywhere below the app.

    Args:
        status: The HTTP status, 400 or above.
        reason: A short stable word, for instance ``too-large``.
        detail: What is wrong, for a person.
        mend: What the caller or the operator can do.
        retry_after_ms: When it makes sense to come again; becomes Retry-After.
        close: Close the connection after the answer, for instance because the body was not read to its end.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        mend: str = "",
        retry_after_ms: int | None = None,
        close: bool = False,
    ) -> None:
        headers = dict(retry_after(retry_after_ms)) if retry_after_ms is not None else {}
        if close:
            headers["Connection"] = "close"
        super().__init__(status, detail, headers)
        self.reason = reason
        self.mend = mend


def retry_after(milliseconds: int) -> Mapping[str, str]:
    """Return the Retry-After header: whole seconds, rounded up, at least 1."""
    return {"Retry-After": str(max(1, math.ceil(milliseconds / 1000)))}


def problem_response(problem: Problem) -> Response:
    """Return *problem* as an answer."""
    body = problem_content(problem.status_code, problem.reason, problem.detail, problem.mend)
    return JSONResponse(body, problem.status_code, problem.headers, MEDIA_TYPE)


def problem_content(status: int, reason: str, detail: str, mend: str) -> dict[str, Any]:
    """Return the members of a problem+json body."""
    title = HTTPStatus(status).phrase
    return ProblemBody(title=title, status=status, detail=detail, reason=reason, mend=mend).model_dump()


def install_problems(app: FastAPI) -> None:
    """Make every error that leaves *app* a problem+json answer, bugs included (those are logged)."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(Rejected, _of_rejected)
    app.add_exception_handler(Retryable, _of_retryable)
    app.add_exception_handler(Exception, _of_bug)


async def _of_http(_: Request, error: Exception) -> Response:
    if isinstance(error, Problem):
        return problem_response(error)
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    word, mend = _PLAIN.get(status, ("http-error", ""))
    content = problem_content(status, word, HTTPStatus(status).description or HTTPStatus(status).phrase, mend)
    return JSONResponse(content, status, headers, MEDIA_TYPE)


async def _of_validation(_: Request, error: Exception) -> Response:
    # Where, not what: the value may be a person's.
    places = (
        [".".join(map(str, each["loc"])) for each in error.errors()]
        if isinstance(error, RequestValidationError)
        else []
    )
    detail = f"the request's {', '.join(places)} is not as described"
    return problem_response(Problem(422, "bad-request", detail, mend="see /docs"))


async def _of_rejected(_: Request, error: Exception) -> Response:
    reason = error.reason if isinstance(error, Rejected) else "rejected"
    return problem_response(Problem(400, reason, str(error)))


async def _of_retryable(_: Request, error: Exception) -> Response:
    wait_ms = error.retry_after_ms if isinstance(error, Retryable) else None
    mend = "repeat the request later"
    return problem_response(
        Problem(503, "unavailable", str(error), mend=mend, retry_after_ms=wait_ms or 1_000)
    )


async def _of_bug(request: Request, error: Exception) -> Response:
    log.failed("http.request_failed", error, method=request.method, route=_route(request))
    detail = "a mistake of this service, logged with its place"
    return problem_response(Problem(500, "bug", detail, mend="report it with the time it happened"))


def _route(request: Request) -> str:
    # The route's pattern, not the path: a path may hold an e-mail address.
    return str(getattr(request.scope.get("route"), "path", "none"))


_PLAIN: Mapping[int, tuple[str, str]] = {
    404: ("not-found", "see /docs for the paths there are"),
    405: ("method-not-allowed", "see /docs for the methods there are"),
}
