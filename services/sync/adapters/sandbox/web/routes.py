"""The routes of the pages: ``GET /`` shows, ``POST /`` does what a form says."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from services.sync.adapters.sandbox.desk import Act, ActResult, Desk, Parent, View, do_act
from services.sync.adapters.sandbox.web.faults_page import faults_of, faults_page, told
from services.sync.adapters.sandbox.web.layout import address
from services.sync.adapters.sandbox.web.listing import listing
from services.sync.adapters.sandbox.web.record import new_page, record_page
from services.sync.adapters.sandbox.web.words import Words, language_of

_REFUSED = 422
_FOUND_ELSEWHERE = 303


def page_routes(desk: Desk) -> list[Route]:
    """Return the routes of *desk*'s pages."""
    pages = _Pages(desk)
    return [Route("/", pages.show, methods=["GET"]), Route("/", pages.do, methods=["POST"])]


class _Pages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request) -> Response:
        desk, query = self._desk, dict(request.query_params)
        words = Words(language_of(request), desk.name)
        if "faults" in query:
            return HTMLResponse(faults_page(desk, words, query))
        view = self._view(query)
        if "new" in query:
            return HTMLResponse(new_page(desk, words, view, query))
        if "id" in query:
            there = desk.record(view.object, query["id"]) is not None
            return HTMLResponse(record_page(desk, words, view, query), 200 if there else 404)
        return HTMLResponse(listing(desk, words, view, query))

    async def do(self, request: Request) -> Response:
        if _foreign(request):
            return Response("forms are taken from this page only", 403)
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        query = dict(request.query_params)
        words = Words(language_of(request), self._desk.name)
        if "faults" in query:
            return self._set_faults(form, query, words)
        view = self._view(query)
        done = do_act(self._desk, self._act(view, query, form))
        base = {"object": view.object, "lang": words.language}
        if done.error is not None:
            refused = new_page if "new" in query else record_page
            body = refused(self._desk, words, view, query, error=done.error, typed=form)
            return HTMLResponse(body, _REFUSED)
        if form.get("act") == "delete":
            return _to(base)
        return _to({**base, "id": _stay(query, done), "saved": "1"})

    def _set_faults(self, form: Mapping[str, str], query: Mapping[str, str], words: Words) -> Response:
        try:
            self._desk.faults.set(faults_of(form))
        except ValidationError as error:
            body = faults_page(self._desk, words, query, error=told(words, error), typed=form)
            return HTMLResponse(body, _REFUSED)
        return _to({"faults": "1", "lang": words.language, "saved": "1"})

    def _view(self, query: Mapping[str, str]) -> View:
        views = self._desk.views
        return next((each for each in views if each.object == query.get("object")), views[0])

    def _act(self, view: View, query: Mapping[str, str], form: Mapping[str, str]) -> Act:
        act, identity = form.get("act", ""), query.get("id")
        if act == "call" and identity is not None:
            outcome, note = form.get("outcome", ""), form.get("note", "")
            return self._desk.call(view.object, identity, outcome=outcome, note=note)
        if act == "restore":
            act = self._desk.restore_act
        given: dict[str, str | int | float | bool | None] = {}
        if act in {"create", "update"}:
            given.update(_changed(form))
        parents: tuple[Parent, ...] = ()
        if act == "create" and query.get("parent"):
            parents = (Parent(object=query.get("parent_object", ""), id=query["parent"]),)
        return Act(act=act, object=view.object, id=identity, fields=given, parents=parents)


def _changed(form: Mapping[str, str]) -> dict[str, str]:
    """
    Return the fields that the person changed.

    Others may have changed while the form was open; a form that sends them all would set those back.
    """
    return {
        name[2:]: value
        for name, value in form.items()
        if name.startswith("f.") and _lines(value) != _lines(form.get(f"o.{name[2:]}", ""))
    }


def _lines(text: str) -> str:
    """Return *text* with the line ends that forms change taken back."""
    return text.replace("\r\n", "\n")


def _stay(query: Mapping[str, str], done: ActResult) -> str | None:
    """Return the id of the record to show next: the one that was open, else the one that was made."""
    return query.get("id") or done.id


def _to(query: Mapping[str, str | None]) -> Response:
    return RedirectResponse(address(query), _FOUND_ELSEWHERE)


def _foreign(request: Request) -> bool:
    """Return whether another site's page sent the form (a browser always names the origin of a POST)."""
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")
