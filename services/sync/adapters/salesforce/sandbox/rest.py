"""The REST API's routes."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sync.adapters.salesforce.sandbox import ids, querying
from services.sync.adapters.salesforce.sandbox.describing import describe
from services.sync.adapters.salesforce.sandbox.oauth import Logins, OAuthError
from services.sync.adapters.salesforce.sandbox.organisation import Organisation
from services.sync.adapters.salesforce.sandbox.refusal import CallError, Refusal
from services.sync.adapters.salesforce.sandbox.saving import MultipleMatches, Saver

PAGE = 2_000
MIN_PAGE = 200
_NOT_FOUND = frozenset({"INVALID_CROSS_REFERENCE_KEY", "ENTITY_IS_DELETED"})
Handler = Callable[[Request], Awaitable[Response]]


def answer(body: object, status: int = 200) -> Response:
    """Return *body* as a JSON response."""
    return Response(orjson.dumps(body), status, media_type="application/json;charset=UTF-8")


class Rest:
    """Handlers of the REST API; sessions are checked before they are called."""

    def __init__(self, org: Organisation, logins: Logins, calls_left: Callable[[], int]) -> None:
        self._org = org
        self._logins = logins
        self._saver = Saver(org)
        self._calls_left = calls_left
        self._pages: dict[str, tuple[list[dict[str, Any]], int]] = {}

    def routes(self) -> list[Route]:
        """Return the routes."""
        data = "/services/data/v{version}"
        one = data + "/sobjects/{object}/{id}"
        table: list[tuple[str, str, Handler]] = [
            ("GET", data + "/query", self.query),
            ("GET", data + "/queryAll", self.query_all),
            ("GET", data + "/query/{locator}", self.query_more),
            ("GET", data + "/limits", self.limits),
            ("PATCH", data + "/composite/sobjects/{object}/{field}", self.upsert_all),
            ("PATCH", data + "/composite/sobjects", self.update_all),
            ("POST", data + "/composite/sobjects", self.create_all),
            ("GET", data + "/sobjects/{object}/describe", self.describe),
            ("POST", data + "/sobjects/{object}", self.create),
            ("GET", one, self.read),
            ("PATCH", one, self.update),
            ("DELETE", one, self.delete),
            ("PATCH", data + "/sobjects/{object}/{field}/{value:path}", self.upsert),
            ("GET", data + "/sobjects/{object}/{field}/{value:path}", self.read_by_external_id),
        ]
        routes = [Route(path, _guarded(handler), methods=[method]) for method, path, handler in table]
        return [Route("/services/oauth2/token", self.token, methods=["POST"]), *routes]

    async def token(self, request: Request) -> Response:
        """Open a session."""
        form = dict(parse_qsl((await request.body()).decode()))
        try:
            return answer(self._logins.grant(form, str(request.base_url).rstrip("/")))
        except OAuthError as error:
            return answer({"error": error.error, "error_description": error.description}, 400)

    async def query(self, request: Request) -> Response:
        """Run SOQL over what is there."""
        return self._query(request, deleted=False)

    async def query_all(self, request: Request) -> Response:
        """Run SOQL over the recycle bin too."""
        return self._query(request, deleted=True)

    def _query(self, request: Request, *, deleted: bool) -> Response:
        text = request.query_params.get("q", "")
        found = querying.run(self._org.schema, self._org.tables, text, deleted=deleted)
        option = request.headers.get("sforce-query-options", "")
        size = int(option.partition("batchSize=")[2] or PAGE)
        return self._page(request, found, 0, max(MIN_PAGE, min(PAGE, size)))

    async def query_more(self, request: Request) -> Response:
        """Return the next page of a query."""
        locator, _, place = request.path_params["locator"].rpartition("-")
        if locator not in self._pages:
            raise CallError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        rows, size = self._pages[locator]
        return self._page(request, rows, int(place), size, locator)

    def _page(
        self, request: Request, rows: list[dict[str, Any]], begin: int, size: int, locator: str = ""
    ) -> Response:
        end = begin + size
        body: dict[str, Any] = {
            "totalSize": len(rows),
            "done": end >= len(rows),
            "records": rows[begin:end],
        }
        if end < len(rows):
            if not locator:
                locator = f"01g{secrets.token_hex(8)}"
                self._pages[locator] = (rows, size)
            version = request.path_params["version"]
            body["nextRecordsUrl"] = f"/services/data/v{version}/query/{locator}-{end}"
        else:
            self._pages.pop(locator, None)
        return answer(body)

    async def limits(self, _request: Request) -> Response:
        """Return the organisation's limits."""
        most = self._org.settings.daily_calls
        return answer(
            {
                "DailyApiRequests": {"Max": most, "Remaining": self._calls_left()},
                "DailyDeliveredPlatformEvents": {"Max": 50_000, "Remaining": 50_000},
            }
        )

    async def describe(self, request: Request) -> Response:
        """Describe an object."""
        return answer(describe(self._saver.kind(request.path_params["object"])))

    async def upsert_all(self, request: Request) -> Response:
        """Upsert a collection."""
        name, field = request.path_params["object"], request.path_params["field"]
        return answer(self._saver.upsert_all(request["user"], name, field, await _json(request)))

    async def update_all(self, request: Request) -> Response:
        """Update a collection."""
        return answer(self._saver.update_all(request["user"], await _json(request)))

    async def create_all(self, request: Request) -> Response:
        """Create a collection."""
        return answer(self._saver.create_all(request["user"], await _json(request)))

    async def create(self, request: Request) -> Response:
        """Create one record."""
        made = self._saver.create(request["user"], request.path_params["object"], await _json(request))
        return answer({"id": made, "success": True, "errors": []}, 201)

    async def read(self, request: Request) -> Response:
        """Return one record."""
        kind = self._saver.kind(request.path_params["object"])
        row = self._org.tables[kind.name].rows.get(ids.normal(request.path_params["id"]))
        if row is None or row["IsDeleted"]:
            raise CallError(404, "NOT_FOUND", "The requested resource does not exist")
        return answer(querying.record(kind, kind.fields.values(), row))

    async def update(self, request: Request) -> Response:
        """Update one record."""
        where = request.path_params
        self._saver.update(request["user"], where["object"], where["id"], await _json(request))
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        """Delete one record."""
        where = request.path_params
        self._saver.delete(request["user"], where["object"], where["id"])
        return Response(status_code=204)

    async def upsert(self, request: Request) -> Response:
        """
        Upsert one record by external id: 201 made, 200 updated, 300 several match.

        Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm
        """
        where = request.path_params
        update_only = request.query_params.get("updateOnly") == "true"
        try:
            identity, created = self._saver.upsert(
                request["user"],
                where["object"],
                (where["field"], where["value"]),
                await _json(request),
                update_only=update_only,
            )
        except MultipleMatches as several:
            return answer(self._urls(where, several.ids), 300)
        body: dict[str, Any] = {"id": identity, "success": True, "errors": [], "created": created}
        return answer(body, 201 if created else 200)

    async def read_by_external_id(self, request: Request) -> Response:
        """Return the record with an external id."""
        where = request.path_params
        kind = self._saver.kind(where["object"])
        field = self._saver.external_field(kind, where["field"])
        found = self._org.tables[kind.name].live(field.name, where["value"])
        if not found:
            raise CallError(404, "NOT_FOUND", "The requested resource does not exist")
        if len(found) > 1:
            return answer(self._urls(where, [each["Id"] for each in found]), 300)
        return answer(querying.record(kind, kind.fields.values(), found[0]))

    def _urls(self, where: dict[str, Any], found: Any) -> list[str]:
        return [f"/services/data/v{where['version']}/sobjects/{where['object']}/{each}" for each in found]


async def _json(request: Request) -> Any:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise CallError(400, "JSON_PARSER_ERROR", str(error)) from None


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except CallError as error:
            return answer(error.body(), error.status)
        except Refusal as refusal:
            missing = refusal.code in _NOT_FOUND and not refusal.fields
            return answer([refusal.in_body()], 404 if missing else 400)

    return guarded
