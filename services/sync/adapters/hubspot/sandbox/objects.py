"""Single records over the API: list, create, read, change, archive, search, merge, privacy deletion."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sync.adapters.hubspot.sandbox.portal import Portal
from services.sync.adapters.hubspot.sandbox.refusal import invalid, not_found
from services.sync.adapters.hubspot.sandbox.rows import Row
from services.sync.adapters.hubspot.sandbox.schema import ALIASES
from services.sync.adapters.hubspot.sandbox.shapes import json_of, links_of, object_of, record
from services.sync.adapters.sandbox.admin import answer

MAX_PAGE = 100
HISTORY_PAGE = 50


class Objects:
    """``/crm/v3/objects/{object}…``."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        """Return the routes."""
        base = "/crm/v3/objects/{object}"
        return [
            Route(f"{base}/search", self.search, methods=["POST"]),
            Route(f"{base}/merge", self.merge, methods=["POST"]),
            Route(f"{base}/gdpr-delete", self.gdpr_delete, methods=["POST"]),
            Route(base, self.list, methods=["GET"]),
            Route(base, self.create, methods=["POST"]),
            Route(f"{base}/{{id}}", self.read, methods=["GET"]),
            Route(f"{base}/{{id}}", self.change, methods=["PATCH"]),
            Route(f"{base}/{{id}}", self.archive, methods=["DELETE"]),
        ]

    async def list(self, request: Request) -> Response:
        """Return a page of all records of an object, in the order of their ids."""
        of, asked = object_of(request).name, request.query_params
        limit = int(asked.get("limit", "10"))
        history = _names(asked, "propertiesWithHistory")
        if limit > (HISTORY_PAGE if history else MAX_PAGE):
            raise invalid(f"limit must be at most {HISTORY_PAGE if history else MAX_PAGE}")
        archived = asked.get("archived") == "true"
        rows = (row for row in self._portal.store.listed(of, asked.get("after")) if row.archived is archived)
        found = list(islice(rows, limit + 1))
        body: dict[str, Any] = {"results": [self._shown(row, asked) for row in found[:limit]]}
        if len(found) > limit:
            body["paging"] = {"next": {"after": found[limit - 1].id}}
        return answer(body)

    async def create(self, request: Request) -> Response:
        """Make a record."""
        body = await json_of(request)
        row, values = self._portal.store.create(
            object_of(request).name, body.get("properties"), self._portal.api, links=links_of(body)
        )
        return answer(record(row, tuple(values)), 201)

    async def read(self, request: Request) -> Response:
        """Return one record."""
        asked = request.query_params
        row = self._portal.store.find(
            object_of(request).name,
            str(request.path_params["id"]),
            by=asked.get("idProperty"),
            archived=asked.get("archived") == "true",
        )
        return answer(self._shown(row, asked))

    async def change(self, request: Request) -> Response:
        """Change one record."""
        row = self._named(request)
        given = (await json_of(request)).get("properties")
        self._portal.store.update(row, given, self._portal.api)
        return answer(record(row, tuple(given or ())))

    async def archive(self, request: Request) -> Response:
        """Move one record to the recycling bin."""
        self._portal.store.archive(self._named(request), self._portal.api)
        return Response(status_code=204)

    async def search(self, request: Request) -> Response:
        """Answer a search."""
        of, asked = object_of(request).name, await json_of(request)
        rows, total, after = self._portal.search.search(of, asked)
        names = [str(each) for each in asked.get("properties") or ()]
        body: dict[str, Any] = {"total": total, "results": [record(row, names) for row in rows]}
        if after is not None:
            body["paging"] = {"next": {"after": str(after)}}
        return answer(body)

    async def merge(self, request: Request) -> Response:
        """Make one record of two."""
        of, body, store = object_of(request).name, await json_of(request), self._portal.store
        primary = store.find(of, str(body.get("primaryObjectId")))
        other = store.find(of, str(body.get("objectIdToMerge")))
        return answer(record(store.merge(primary, other, self._portal.api)))

    async def gdpr_delete(self, request: Request) -> Response:
        """Erase a contact for good."""
        of, body, store = object_of(request).name, await json_of(request), self._portal.store
        if of != "contact":
            raise not_found([str(body.get("objectId"))], of)
        row = store.find(of, str(body.get("objectId")), by=body.get("idProperty"))
        store.erase(row, self._portal.api)
        return Response(status_code=204)

    def _named(self, request: Request) -> Row:
        return self._portal.store.find(
            object_of(request).name, str(request.path_params["id"]), by=request.query_params.get("idProperty")
        )

    def _shown(self, row: Row, asked: Mapping[str, str]) -> dict[str, Any]:
        body = record(row, _names(asked, "properties"), _names(asked, "propertiesWithHistory"))
        for spelt in _names(asked, "associations"):
            to = ALIASES.get(spelt)
            links = row.links.get(to.name, {}) if to is not None else {}
            if to is None or not links:
                continue
            kind = f"{row.object}_to_{to.name}"
            linked = [{"id": each, "type": kind} for each in links]
            body.setdefault("associations", {})[to.plural] = {"results": linked}
        return body


def _names(asked: Mapping[str, str], name: str) -> list[str]:
    return [each for each in asked.get(name, "").split(",") if each]
