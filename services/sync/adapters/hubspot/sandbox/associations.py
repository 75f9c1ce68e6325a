"""Associations v4: read in batches, connect, part."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sync.adapters.hubspot.sandbox.portal import Portal
from services.sync.adapters.hubspot.sandbox.refusal import not_found
from services.sync.adapters.hubspot.sandbox.rows import Row
from services.sync.adapters.hubspot.sandbox.schema import ASSOCIATION_TYPES
from services.sync.adapters.hubspot.sandbox.shapes import batch, inputs_of, json_of, object_of
from services.sync.adapters.sandbox.admin import answer

READ_LIMIT = 1_000
CREATE_LIMIT = 2_000


class Associations:
    """``/crm/v4/…``."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        """Return the routes."""
        pair = "/crm/v4/objects/{object}/{id}/associations"
        return [
            Route("/crm/v4/associations/{object}/{to}/batch/read", self.read, methods=["POST"]),
            Route(
                "/crm/v4/associations/{object}/{to}/batch/associate/default",
                self.connect_batch,
                methods=["POST"],
            ),
            Route(f"{pair}/{{to}}", self.of_one, methods=["GET"]),
            Route(f"{pair}/default/{{to}}/{{to_id}}", self.connect, methods=["PUT"]),
            Route(f"{pair}/{{to}}/{{to_id}}", self.part, methods=["DELETE"]),
        ]

    async def read(self, request: Request) -> Response:
        """Return what each of up to 1,000 records is associated with."""
        of, to = object_of(request), object_of(request, "to")
        results: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for each in inputs_of(await json_of(request), READ_LIMIT):
            row = self._portal.store.rows[of.name].get(str(each.get("id")))
            linked = _linked(row, to.name) if row is not None else []
            if linked:
                results.append({"from": {"id": str(each.get("id"))}, "to": linked})
            else:
                errors.append(_none(of.name, to.name, str(each.get("id"))))
        status = 207 if errors else 200
        return answer(batch(results, errors, self._portal.clock.now()), status)

    async def of_one(self, request: Request) -> Response:
        """Return what one record is associated with."""
        row = self._portal.store.find(object_of(request).name, str(request.path_params["id"]))
        return answer({"results": _linked(row, object_of(request, "to").name)})

    async def connect(self, request: Request) -> Response:
        """Connect two records by the default type."""
        made = self._connect(request, str(request.path_params["id"]), str(request.path_params["to_id"]))
        return answer(batch(made, [], self._portal.clock.now()))

    async def connect_batch(self, request: Request) -> Response:
        """Connect pairs of records by the default type."""
        made: list[dict[str, Any]] = []
        for each in inputs_of(await json_of(request), CREATE_LIMIT):
            made += self._connect(request, str(each["from"]["id"]), str(each["to"]["id"]))
        return answer(batch(made, [], self._portal.clock.now()))

    async def part(self, request: Request) -> Response:
        """Part two records."""
        store, of, to = self._portal.store, object_of(request), object_of(request, "to")
        row = store.find(of.name, str(request.path_params["id"]))
        other = store.find(to.name, str(request.path_params["to_id"]))
        store.associate(row, other, self._portal.api, removed=True)
        return Response(status_code=204)

    def _connect(self, request: Request, from_id: str, to_id: str) -> list[dict[str, Any]]:
        store, of, to = self._portal.store, object_of(request), object_of(request, "to")
        store.associate(store.find(of.name, from_id), store.find(to.name, to_id), self._portal.api)
        pairs = (((of.name, to.name), from_id, to_id), ((to.name, of.name), to_id, from_id))
        return [
            {
                "from": {"id": one},
                "to": {"id": other},
                "associationSpec": {
                    "associationCategory": "HUBSPOT_DEFINED",
                    "associationTypeId": ASSOCIATION_TYPES[pair],
                },
            }
            for pair, one, other in pairs
        ]


def _linked(row: Row, to: str) -> list[dict[str, Any]]:
    return [
        {
            "toObjectId": to_id,
            "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": each} for each in sorted(types)],
        }
        for to_id, types in row.links.get(to, {}).items()
    ]


def _none(of: str, to: str, row_id: str) -> dict[str, Any]:
    missing = not_found([row_id], of).item(None)
    missing["message"] = f"No {to} is associated with {of} {row_id}."
    missing["context"] = {"fromObjectId": [row_id]}
    return missing
