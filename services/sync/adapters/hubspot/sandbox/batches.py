"""Batch operations on records: all or nothing, or in part where the records carry write trace ids."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sync.adapters.hubspot.sandbox.portal import Portal
from services.sync.adapters.hubspot.sandbox.refusal import Refusal, invalid, not_found
from services.sync.adapters.hubspot.sandbox.rows import Row
from services.sync.adapters.hubspot.sandbox.shapes import (
    batch,
    inputs_of,
    json_of,
    links_of,
    object_of,
    record,
)
from services.sync.adapters.hubspot.sandbox.values import checked
from services.sync.adapters.sandbox.admin import answer

HISTORY_LIMIT = 50
"""A batch read with histories takes this many records, one without 100."""

Input = Mapping[str, Any]
_Work = Callable[[Input], dict[str, Any]]


class Batches:
    """``/crm/v3/objects/{object}/batch/…``."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._cursed: set[str] = set()
        self._faults = portal.faults.faults

    def routes(self) -> list[Route]:
        """Return the routes."""
        base = "/crm/v3/objects/{object}/batch"
        return [
            Route(f"{base}/read", self.read, methods=["POST"]),
            Route(f"{base}/create", self.create, methods=["POST"]),
            Route(f"{base}/update", self.update, methods=["POST"]),
            Route(f"{base}/upsert", self.upsert, methods=["POST"]),
            Route(f"{base}/archive", self.archive, methods=["POST"]),
        ]

    async def read(self, request: Request) -> Response:
        """Read records by id or by a unique property; those that aren't there are errors of a 207."""
        of, body = object_of(request).name, await json_of(request)
        history = _texts(body, "propertiesWithHistory")
        inputs = inputs_of(body)
        if history and len(inputs) > HISTORY_LIMIT:
            raise invalid(
                "The maximum number of inputs supported in a batch request for property histories is "
                f"{HISTORY_LIMIT}. Please reduce the number of items and try again"
            )
        names, by = _texts(body, "properties"), body.get("idProperty")
        archived = request.query_params.get("archived") == "true"
        results: dict[str, dict[str, Any]] = {}
        missing: list[str] = []
        for each in inputs:
            try:
                row = self._portal.store.find(of, str(each.get("id")), by=by, archived=archived)
            except Refusal as refusal:
                if refusal.status != 404:  # noqa: PLR2004 - HTTP
                    raise
                missing.append(str(each.get("id")))
            else:
                results[row.id] = record(row, names, history)
        errors = [_missing(of, missing)] if missing else []
        return self._answer(list(results.values()), errors)

    async def create(self, request: Request) -> Response:
        """Make records."""
        of, inputs = object_of(request).name, inputs_of(await json_of(request))
        store = self._portal.store

        def make(each: Input) -> dict[str, Any]:
            row, values = store.create(of, each.get("properties"), self._portal.api, links=links_of(each))
            return _written(row, values, each)

        return self._each(inputs, make, lambda each: self._try_create(of, each), done=201)

    async def update(self, request: Request) -> Response:
        """Change records named by id, or by a unique property."""
        of, inputs = object_of(request).name, inputs_of(await json_of(request))
        store = self._portal.store
        _distinct(inputs)

        def change(each: Input) -> dict[str, Any]:
            row = store.find(of, str(each.get("id")), by=each.get("idProperty"))
            store.update(row, each.get("properties"), self._portal.api)
            return _written(row, each.get("properties") or {}, each)

        def attempt(each: Input) -> None:
            row = store.find(of, str(each.get("id")), by=each.get("idProperty"))
            self._try_update(row, each)

        return self._each(inputs, change, attempt)

    async def upsert(self, request: Request) -> Response:
        """Change the records that a unique property names, and make those that aren't there."""
        of, inputs = object_of(request).name, inputs_of(await json_of(request))
        _distinct(inputs)
        store = self._portal.store

        def found(each: Input) -> Row | None:
            try:
                return store.find(of, str(each.get("id")), by=each.get("idProperty"))
            except Refusal as refusal:
                if refusal.status != 404 or each.get("idProperty") is None:  # noqa: PLR2004 - HTTP
                    raise
                return None

        def put(each: Input) -> dict[str, Any]:
            row = found(each)
            if row is not None:
                store.update(row, each.get("properties"), self._portal.api)
                return _written(row, each.get("properties") or {}, each) | {"new": False}
            row, values = store.create(of, _keyed(each), self._portal.api)
            return _written(row, values, each) | {"new": True}

        def attempt(each: Input) -> None:
            row = found(each)
            if row is None:
                self._try_create(of, {**each, "properties": _keyed(each)})
            else:
                self._try_update(row, each)

        by_email = any(each.get("idProperty") == "email" for each in inputs)
        whole = by_email and not self._portal.settings.email_upsert_partial
        return self._each(inputs, put, attempt, whole=whole)

    async def archive(self, request: Request) -> Response:
        """Move records to the recycling bin; those that aren't there don't matter."""
        of, inputs = object_of(request).name, inputs_of(await json_of(request))
        for each in inputs:
            row = self._portal.store.rows[of].get(str(each.get("id")))
            if row is not None and not row.archived:
                self._portal.store.archive(row, self._portal.api)
        return Response(status_code=204)

    def _each(
        self,
        inputs: Sequence[Input],
        work: _Work,
        attempt: Callable[[Input], None],
        *,
        done: int = 200,
        whole: bool = False,
    ) -> Response:
        """Do *work* for each input; first *attempt* all where one refusal is to refuse the whole batch."""
        errors: list[dict[str, Any]] = []
        if whole or not all(each.get("objectWriteTraceId") for each in inputs):
            inputs = self._all_or_nothing(inputs, attempt, errors)
        results: list[dict[str, Any]] = []
        for each in inputs:
            try:
                self._strike(each)
                results.append(work(each))
            except Refusal as refusal:
                errors.append(refusal.item(each.get("objectWriteTraceId")))
        return self._answer(results, errors, done)

    def _all_or_nothing(
        self, inputs: Sequence[Input], attempt: Callable[[Input], None], errors: list[dict[str, Any]]
    ) -> list[Input]:
        taken: list[Input] = []
        for each in inputs:
            self._strike(each)
            try:
                attempt(each)
            except Refusal as refusal:
                if refusal.category != "OBJECT_NOT_FOUND":
                    raise
                errors.append(refusal.item(each.get("objectWriteTraceId")))
            else:
                taken.append(each)
        return taken

    def _strike(self, each: Input) -> None:
        """Refuse the record if a fault says so: for now (locked), or for ever."""
        source = self._portal.faults
        if source.faults is not self._faults:
            self._faults = source.faults
            self._cursed.clear()
        key = str(each.get("objectWriteTraceId") or each.get("id"))
        if key in self._cursed or source.strikes(source.faults.partial_error):
            self._cursed.add(key)
            raise invalid("A validation rule of this portal refuses the record", code="SANDBOX_FAULT")
        if source.strikes(source.faults.lock_row):
            raise Refusal(423, "LOCKED", "The record is locked by another write, try again")

    def _try_create(self, of: str, each: Input) -> None:
        values = checked(self._portal.store.properties[of], each.get("properties"), by_api=True)
        self._portal.store.unique.claim(of, None, self._portal.store.uniques(of, values))

    def _try_update(self, row: Row, each: Input) -> None:
        values = checked(self._portal.store.properties[row.object], each.get("properties"), by_api=True)
        self._portal.store.unique.claim(row.object, row.id, self._portal.store.uniques(row.object, values))

    def _answer(
        self, results: Sequence[dict[str, Any]], errors: Sequence[dict[str, Any]], done: int = 200
    ) -> Response:
        return answer(batch(results, errors, self._portal.clock.now()), 207 if errors else done)


def _keyed(each: Input) -> dict[str, Any]:
    return {str(each.get("idProperty")): each.get("id"), **(each.get("properties") or {})}


def _written(row: Row, names: Mapping[str, Any], each: Input) -> dict[str, Any]:
    body = record(row, tuple(names))
    if each.get("objectWriteTraceId"):
        body["objectWriteTraceId"] = each["objectWriteTraceId"]
    return body


def _missing(of: str, ids: Sequence[str]) -> dict[str, Any]:
    return not_found(ids, of).item(None)


def _distinct(inputs: Sequence[Input]) -> None:
    ids = [str(each.get("id")).lower() for each in inputs]
    if len(set(ids)) < len(ids):
        twice = sorted({each for each in ids if ids.count(each) > 1})
        raise invalid(f"Duplicate IDs found in batch input: {twice}. IDs must be unique")


def _texts(body: Mapping[str, Any], name: str) -> list[str]:
    return [str(each) for each in body.get(name) or ()]
