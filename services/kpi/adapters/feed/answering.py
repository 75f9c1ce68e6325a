"""Answers over HTTP: JSON or CSV as asked for, with an ETag, 304 where nothing changed, and the next page's link."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from fastapi import Request, Response
from pydantic import BaseModel

from services.kpi.adapters.feed.asking import unfit
from services.kpi.adapters.feed.tables import rows_of, to_csv

CSV_TYPE = "text/csv; charset=utf-8"


def answer(request: Request, body: BaseModel, name: str, passing: Collection[str] = ()) -> Response:
    """
    Return *body* in the form that *request* wants; *name* is the file's where it is saved.

    *passing* names what is another with each instant, wherever it stands: the ETag leaves it out, and the body's `at`.

    The ETag is of the content, which holds the offsets, and of the query. So it differs too where figures change
    at the same offsets, as they do while leads are counted anew.
    """
    as_csv = _wants_csv(request)
    content = to_csv(rows_of(body)) if as_csv else body.model_dump_json().encode()
    headers = _headers(request, body)
    said = f"{request.url.path}?{request.url.query}\n{headers.get('Tasuki-Offsets')}\n".encode()
    kept = f"{as_csv}{_without(body.model_dump(exclude={'at'}), passing)}".encode() if passing else content
    headers["ETag"] = f'"{hashlib.sha256(said + kept).hexdigest()[:32]}"'
    if _has(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if as_csv:
        headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return Response(content, headers=headers, media_type=CSV_TYPE if as_csv else "application/json")


def _without(value: Any, names: Collection[str]) -> Any:
    if isinstance(value, Mapping):
        held = cast("Mapping[str, Any]", value)
        return {name: _without(each, names) for name, each in held.items() if name not in names}
    if isinstance(value, (list, tuple)):
        return [_without(each, names) for each in cast("Sequence[Any]", value)]
    return value


def _headers(request: Request, body: BaseModel) -> dict[str, str]:
    """Return what both forms have: CSV has no other place for the offsets and the next page."""
    headers = {"Cache-Control": "private, no-cache", "Vary": "Accept, Authorization, X-Api-Key"}
    offsets: Mapping[str, int] | None = getattr(body, "offsets", None)
    if offsets is not None:
        headers["Tasuki-Offsets"] = ",".join(f"{number}={offset}" for number, offset in offsets.items())
        headers["Tasuki-Complete"] = str(getattr(body, "complete", True)).lower()
    cursor: str | None = getattr(body, "next_cursor", None)
    if cursor is not None:
        url = request.url.include_query_params(cursor=cursor)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return headers


def _wants_csv(request: Request) -> bool:
    form = request.query_params.get("format")
    if form is None:
        return request.headers.get("accept", "").partition(",")[0].partition(";")[0].strip() == "text/csv"
    if form not in {"csv", "json"}:
        raise unfit("format", "isn't one of those there are", "csv or json")
    return form == "csv"


def _has(request: Request, etag: str) -> bool:
    """Return whether the client has it. Source: https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match."""
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return "*" in given or etag in given
