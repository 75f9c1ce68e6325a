"""Calls to Salesforce's REST API: the session in and out, its limits noted, its errors named."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import httpx2
import orjson

from services.runtime.clock import Clock
from services.sync.adapters.salesforce.account import SalesforceAccount
from services.sync.adapters.salesforce.errors import (
    CONCURRENT,
    DAILY,
    HTTP_UNAUTHORIZED,
    RecordError,
    quota_refusal,
    record_error,
    response_error,
)
from services.sync.adapters.salesforce.session import Session, Sessions
from services.sync.application.ports import Unavailable
from services.sync.application.quota import UNGOVERNED, CallEnd, CallMeter, Told

Row: TypeAlias = dict[str, Any]
"""One record as the vendor gives it: API names to JSON values."""

MAX_RECORDS = 200
"""
Records in one collections call.

Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
resources_composite_sobjects_collections.htm
"""

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class ApiUsage:
    """What the vendor counted of the daily API calls when it last answered; `seen_at` is ours."""

    used: int
    limit: int
    seen_at: int

    @property
    def left(self) -> int:
        """How many calls are left."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class SaveResult:
    """What became of one record of a collections call: `errors` is empty exactly when it was taken."""

    id: str | None
    created: bool
    errors: tuple[RecordError, ...] = ()


class SalesforceClient:
    """
    The REST API of one organisation; `calls` counts the requests sent, logins too.

    `quota` is asked before each request; logins don't count on it.
    """

    def __init__(self, account: SalesforceAccount, clock: Clock, quota: CallMeter = UNGOVERNED) -> None:
        self._quota = quota
        self._account = account
        self._clock = clock
        self.calls = 0
        self._http = httpx2.AsyncClient(
            timeout=account.request_timeout_ms / 1000, event_hooks={"request": [self._count]}
        )
        self.sessions = Sessions(self._http, account, clock)
        self.usage: ApiUsage | None = None

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        await self._http.aclose()

    async def _count(self, _request: httpx2.Request) -> None:
        self.calls += 1

    async def query(self, soql: str, *, deleted: bool = False) -> list[Row]:
        """Return all rows of *soql*, page by page; *deleted* ones too if asked."""
        page = await self._data("GET", "/queryAll" if deleted else "/query", params={"q": soql})
        rows: list[Row] = list(page["records"])
        while not page["done"]:
            page = await self._call("GET", page["nextRecordsUrl"])
            rows.extend(page["records"])
        return rows

    async def upsert(
        self, sobject: str, external_id_field: str, records: Sequence[Mapping[str, object]]
    ) -> list[SaveResult]:
        """Update or create up to 200 *records*, found by *external_id_field*; results in order."""
        path = f"/composite/sobjects/{sobject}/{external_id_field}"
        return await self._save(path, sobject, records)

    async def create(self, sobject: str, records: Sequence[Mapping[str, object]]) -> list[SaveResult]:
        """Make up to 200 *records*; results in order. One whose external id is taken is refused, not changed."""
        return await self._save("/composite/sobjects", sobject, records, method="POST")

    async def update(self, sobject: str, records: Sequence[Mapping[str, object]]) -> list[SaveResult]:
        """Update up to 200 *records*, each with its ``id``; results in order."""
        return await self._save("/composite/sobjects", sobject, records)

    async def describe(self, sobject: str) -> Row:
        """Return what the vendor says of *sobject* and its fields."""
        return cast("Row", await self._data("GET", f"/sobjects/{sobject}/describe"))

    async def limits(self) -> Row:
        """Return the organisation's limits, each with ``Max`` and ``Remaining``."""
        return cast("Row", await self._data("GET", "/limits"))

    async def _save(
        self, path: str, sobject: str, records: Sequence[Mapping[str, object]], *, method: str = "PATCH"
    ) -> list[SaveResult]:
        body = {
            "allOrNone": False,
            "records": [{"attributes": {"type": sobject}, **record} for record in records],
        }
        answer = await self._data(method, path, body=body)
        if not isinstance(answer, list) or len(cast("list[object]", answer)) != len(records):
            raise Unavailable("Salesforce answered a batch with another number of results")
        return [_save_result(each) for each in cast("list[Row]", answer)]

    async def _data(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: object = None
    ) -> Any:
        version = f"/services/data/v{self._account.api_version}"
        return await self._call(method, version + path, params=params, body=body)

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: object = None
    ) -> Any:
        """Call *path*; a session that ended is renewed once and the call repeated."""
        session = await self.sessions.current()
        response = await self._metered(session, method, path, params, body)
        if response.status_code == HTTP_UNAUTHORIZED:
            session = await self.sessions.renewed(session)
            response = await self._metered(session, method, path, params, body)
        if not response.is_success:
            raise response_error(response)
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise Unavailable("Salesforce's answer is not JSON") from error

    async def _metered(
        self, session: Session, method: str, path: str, params: Mapping[str, str] | None, body: object
    ) -> httpx2.Response:
        """Send when the quota allows it, and tell it what the answer says of it."""
        ticket = await self._quota.take((DAILY, CONCURRENT))
        try:
            response = await self._send(session, method, path, params, body)
        except Unavailable:
            await self._quota.settle(ticket, CallEnd(answered=False))
            raise
        usage = self._note_usage(response)
        told = [] if usage is None else [Told(DAILY, usage.limit, usage.left)]
        end = CallEnd(told=told, refusal=quota_refusal(response))
        if (out := await self._quota.settle(ticket, end)) is not None:
            raise out
        return response

    async def _send(
        self, session: Session, method: str, path: str, params: Mapping[str, str] | None, body: object
    ) -> httpx2.Response:
        try:
            return await self._http.request(
                method,
                session.instance_url + path,
                params=params,
                content=None if body is None else orjson.dumps(body),
                headers={"authorization": f"Bearer {session.token}", "content-type": "application/json"},
            )
        except httpx2.TransportError as error:
            raise Unavailable(f"Salesforce cannot be reached: {type(error).__name__}") from error

    def _note_usage(self, response: httpx2.Response) -> ApiUsage | None:
        """
        Keep and return what the response says about the daily calls.

        Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm
        """
        match = _USAGE.search(response.headers.get("sforce-limit-info", ""))
        if match is None:
            return None
        self.usage = ApiUsage(int(match[1]), int(match[2]), self._clock())
        return self.usage


def _save_result(raw: Row) -> SaveResult:
    errors = cast("list[Row]", raw.get("errors") or [{}])
    return SaveResult(
        id=raw.get("id"),
        created=bool(raw.get("created")),
        errors=() if raw.get("success") else tuple(record_error(each) for each in errors),
    )
