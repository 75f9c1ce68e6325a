"""Every request of the connector and every answer of the sandbox, held against HubSpot's OpenAPI files."""

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

import httpx2
import pytest
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from services.runtime.clock import now_ms
from services.sync.adapters.hubspot import OAuthGrant
from services.sync.adapters.sandbox.faults import Faults
from services.sync.application.ports import Place, Throttled
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.records import Confirmed, Kind, RecordRef, Refused, Scalar, Write
from tests.integration.hubspot_world import BUSY, FIELD_MAP, World, lead, open_world

SHARED = Path(os.environ.get("TASUKI_SHARED", Path(__file__).parents[3] / "shared"))
SPECS = SHARED / "reference/specs/hubspot"
pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason=f"HubSpot's OpenAPI files are not at {SPECS} (set TASUKI_SHARED)"
)

FILES = ("contacts", "companies", "deals", "properties", "pipelines", "webhooks", "oauth")
NO_FILE = re.compile(r"/crm/v3/owners|/account-info/v3/.*|/oauth/v2/private-apps/get/access-token-info")
"""What the connector calls and the files at hand don't describe."""

Spec = Mapping[str, Any]


@cache
def specs() -> Mapping[str, Spec]:
    """Return HubSpot's files by name."""
    names = {f"hubspot_{each}.v3.json" for each in FILES} | {"hubspot_associations.v4.json"}
    return {each: json.loads((SPECS / each).read_text()) for each in sorted(names)}


@cache
def registry() -> Registry[Any]:
    """Return the files as a registry in which `$ref`s are found."""
    resources = [(f"urn:{name}", Resource(spec, DRAFT4)) for name, spec in specs().items()]
    return Registry[Any]().with_resources(resources)


def operation(method: str, path: str) -> tuple[str, Spec]:
    """Return the file and the operation that describe a request; engagements are shaped as contacts."""
    plain = re.sub(r"/crm/v3/objects/(calls|meetings|tasks|emails)", "/crm/v3/objects/contacts", path)
    for name, spec in specs().items():
        for template, operations in spec["paths"].items():
            pattern = re.sub(r"\\\{[^/]+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, plain) and method.lower() in operations:
                return name, operations[method.lower()]
    raise AssertionError(f"HubSpot's files know no {method} {path}")


def errors(name: str, schema: Spec, value: Any) -> list[str]:
    """Return what is wrong with *value* by *schema* of the file *name*."""
    rooted = json.loads(json.dumps(schema).replace('"#/', f'"urn:{name}#/'))
    validator: Any = Draft4Validator(rooted, registry=registry())
    return [f"{list(each.absolute_path)}: {each.message}" for each in validator.iter_errors(value)]


def without_nulls(value: Any) -> Any:
    """Return *value* with the nulls of unset properties as empty texts: HubSpot's files forget them."""
    if isinstance(value, dict):
        given = cast("dict[str, Any]", value)
        return {key: "" if each is None else without_nulls(each) for key, each in given.items()}
    return [without_nulls(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value


class Witness(httpx2.AsyncHTTPTransport):
    """Notes all that goes past, and judges it."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.seen: set[str] = set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        response = await super().handle_async_request(request)
        answer = await response.aread()
        what = f"{request.method} {request.url.path}"
        self.seen.add(f"{what} {response.status_code}")
        if not NO_FILE.fullmatch(request.url.path):
            name, described = operation(request.method, request.url.path)
            self.wrong += [f"{what}: {each}" for each in self._asked(name, described, request, body)]
            self.wrong += [f"{what} answer: {each}" for each in self._told(name, described, response, answer)]
        return response

    def _asked(self, name: str, described: Spec, request: httpx2.Request, body: bytes) -> list[str]:
        parameters = {each["name"] for each in described.get("parameters", ()) if each["in"] == "query"}
        unknown = set(request.url.params) - parameters - {"hapikey"}
        found = [f"unknown query parameter {each}" for each in unknown]
        content = described.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            found += errors(name, content["application/json"]["schema"], json.loads(body))
        elif content:
            (form,) = content.values()
            found += errors(name, form["schema"], dict(parse_qsl(body.decode())))
        elif body:
            found.append("a body where none is described")
        return found

    def _told(self, name: str, described: Spec, response: httpx2.Response, body: bytes) -> list[str]:
        answers = described["responses"]
        if response.status_code >= 400:
            return errors(name, {"$ref": "#/components/schemas/Error"}, json.loads(body))
        if str(response.status_code) not in answers:
            return [f"status {response.status_code} is not described"]
        content = answers[str(response.status_code)].get("content")
        if not content:
            return ["a body where none is described"] if body else []
        (answer,) = content.values()
        return errors(name, answer["schema"], without_nulls(json.loads(body)))


COMPANIES = FieldMap(
    fields={
        **FIELD_MAP.fields,
        Kind.COMPANY: (
            MappedField(name="domain", vendor_name="domain", type=FieldType.DOMAIN),
            MappedField(name="trade", vendor_name="industry"),
            MappedField(name="size", vendor_name="numberofemployees", type=FieldType.INTEGER),
            MappedField(name="keeper", vendor_name="hubspot_owner_id", type=FieldType.OWNER),
        ),
    }
)


def company(row_id: str, **fields: Scalar) -> Write:
    """Return the write of a company."""
    ref = RecordRef("hubspot", "company", row_id)
    return Write(lead_id="company:x.jp", slot="company", kind=Kind.COMPANY, fields=fields, ref=ref)


async def of_companies(world: World) -> None:
    """Make the connector do all that it can with companies."""
    one, two = (world.user("create", "company", fields={"domain": each}) for each in ("x.jp", "y.jp"))
    row = world.user("create", fields={"email": "c@x.jp"}, parents=[{"object": "company", "id": one}])
    world.user("associate", id=row, parents=[{"object": "company", "id": two}])
    (seen,) = await world.see(("contact", row))
    assert [each.id for each in seen.employers or ()] == [one, two]
    alone = world.user("create", fields={"email": "d@x.jp"})
    (seen,) = await world.see(("contact", alone))
    assert seen.employers == ()
    results = await world.connector.write(
        [
            company(one, trade="金融", size=5, keeper="sato@sandbox.example"),
            company(two, keeper="nobody@x.jp"),
            company("999", size=1),
            company(two, size=7),
        ]
    )
    assert [type(each) for each in results] == [Confirmed, Refused, Refused, Confirmed]
    merged = world.user("merge", "company", id=one, other={"object": "company", "id": two})
    seen = await world.see(("company", one), ("company", merged), ("company", "999"))
    assert [each.deleted for each in seen] == [False, False, True]
    await world.connector.changed("company", Place(0), now_ms())


async def everything(world: World) -> None:
    """Make the connector do all that it can."""
    row = world.user("create", fields={"email": "a@x.jp", "company": "甲", "hubspot_owner_id": "71001"})
    other = world.user("create", fields={"email": "b@x.jp"})
    parents = [{"object": "contact", "id": row}]
    at = {"hs_timestamp": 1_700_000_000_000}
    made = [(each, world.user("create", each, parents=parents, fields=at)) for each in ("call", "meeting")]
    lonely = world.user("create", "task", fields=at)
    deal = world.user(
        "create",
        "deal",
        parents=parents,
        fields={"dealname": "商談", "dealstage": "x", "pipeline": "default"},
    )
    await world.see(("contact", row), ("contact", "999"), ("task", lonely), ("deal", deal), *made)
    merged = world.user("merge", id=row, other={"object": "contact", "id": other})
    await world.see(("contact", row), ("contact", merged))
    for since in (Place(0), Place(1, "0"), Place(1, deleted=True)):
        await world.connector.changed("contact", since, now_ms() + 60_000)
    await world.connector.write(
        [
            lead({"stage": "customer", "revenue": 5}, ref=merged),
            lead({"email": "bad"}, ref=merged),
            lead({"last_name": "新"}, email="new@x.jp"),
            lead({"last_name": "他"}, email="B@x.jp"),
        ]
    )
    await world.connector.write([lead({"stage": "lead"}, ref=merged)])
    await world.connector.search(email="a@x.jp")
    await world.connector.check()


async def test_requests_and_answers_are_those_of_hubspots_files() -> None:
    """With a private app's token, through reads, writes, sweeps, searches and checks."""
    witness = Witness()
    key = BUSY.developer_key
    async with open_world(transport=witness, field_map=COMPANIES, developer_key=key) as world:
        world.sandbox.state.subscribe("contact.creation", "contact.propertyChange:email", "call.creation")
        await everything(world)
        await of_companies(world)
    assert witness.wrong == []
    assert len(witness.seen) > 15


async def test_tokens_and_errors_are_those_of_hubspots_files() -> None:
    """With OAuth, and with the errors that HubSpot describes."""
    witness = Witness()
    grant = OAuthGrant(
        client_id=BUSY.client_id, client_secret=BUSY.client_secret, refresh_token=BUSY.refresh_token
    )
    async with open_world(transport=witness, token=None, oauth=grant) as world:
        await everything(world)
        world.sandbox.state.faults.set(Faults(too_many_requests=1))
        with pytest.raises(Throttled):
            await world.see(("contact", "101"))
    assert witness.wrong == []
    assert "POST /oauth/v3/token 200" in witness.seen
    assert "POST /crm/v3/objects/contacts/batch/read 429" in witness.seen


async def test_the_rest_of_the_sandbox_answers_as_hubspots_files_say() -> None:
    """What the connector doesn't call: single records, companies, pipelines, subscriptions."""
    witness = Witness()
    async with open_world() as world:
        headers = {"authorization": f"Bearer {BUSY.token}"}
        async with httpx2.AsyncClient(
            base_url=world.sandbox.base_url, headers=headers, transport=witness
        ) as http:
            await single_records(http)
            await further_objects(http)
    assert witness.wrong == []
    assert not any(each.endswith(" 500") for each in witness.seen)
    assert len(witness.seen) > 25


async def single_records(http: httpx2.AsyncClient) -> None:
    """Send a request of each kind about contacts one by one."""
    base = "/crm/v3/objects/contacts"
    contact: dict[str, Any] = {"properties": {"email": "a@x.jp"}, "associations": []}
    row = (await http.post(base, json=contact)).json()["id"]
    conflict = await http.post(base, json=contact)
    assert conflict.status_code == 409
    assert conflict.json()["message"] == f"Contact already exists. Existing ID: {row}"
    both: dict[str, Any] = {
        "inputs": [
            contact | {"objectWriteTraceId": "1"},
            {**contact, "properties": {"lastname": "二"}, "objectWriteTraceId": "2"},
        ]
    }
    assert (await http.post(f"{base}/batch/create", json=both)).status_code == 207
    fresh: dict[str, Any] = {
        "inputs": [{"properties": {"lastname": f"三{n}"}, "associations": []} for n in range(3)]
    }
    rows = [each["id"] for each in (await http.post(f"{base}/batch/create", json=fresh)).json()["results"]]
    await http.get(
        f"{base}/{row}",
        params={"properties": "email", "propertiesWithHistory": "email", "associations": "calls"},
    )
    await http.get(f"{base}/a@x.jp", params={"idProperty": "email"})
    await http.get(f"{base}/999")
    await http.get(base, params={"limit": "2"})
    await http.patch(f"{base}/{row}", json={"properties": {"lastname": "山"}})
    await http.patch(f"{base}/{row}", json={"properties": {"nonsense": "山"}})
    merge = {"primaryObjectId": rows[0], "objectIdToMerge": rows[1]}
    await http.post(f"{base}/merge", json=merge)
    await http.delete(f"{base}/{rows[2]}")
    await http.post(f"{base}/batch/archive", json={"inputs": [{"id": row}]})
    await http.get(f"{base}/{row}", params={"archived": "true"})
    gone = (await http.post(base, json={"properties": {"email": "g@x.jp"}, "associations": []})).json()["id"]
    assert (await http.post(f"{base}/gdpr-delete", json={"objectId": gone})).status_code == 204


async def further_objects(http: httpx2.AsyncClient) -> None:
    """Send requests about companies, associations, pipelines, properties and subscriptions."""
    base = "/crm/v3/objects/contacts"
    company: dict[str, Any] = {"properties": {"name": "株式会社甲", "domain": "x.jp"}, "associations": []}
    made = (await http.post("/crm/v3/objects/companies", json=company)).json()["id"]
    person = (await http.post(base, json={"properties": {"email": "p@x.jp"}, "associations": []})).json()[
        "id"
    ]
    pair = f"/crm/v4/objects/contacts/{person}/associations"
    await http.put(f"{pair}/default/companies/{made}")
    await http.get(f"{pair}/companies")
    await http.delete(f"{pair}/companies/{made}")
    await http.get("/crm/v3/pipelines/deals")
    await http.get("/crm/v3/properties/contacts/email")
    prop = {
        "name": "lead_rank",
        "label": "ランク",
        "type": "string",
        "fieldType": "text",
        "groupName": "contactinformation",
    }
    assert (await http.post("/crm/v3/properties/contacts", json=prop)).status_code == 201
    assert (await http.post("/crm/v3/properties/contacts", json=prop)).status_code == 409
    hooks, key = f"/webhooks/v3/{BUSY.app_id}/subscriptions", {"hapikey": BUSY.developer_key}
    new = await http.post(hooks, params=key, json={"eventType": "contact.creation", "active": False})
    number = new.json()["id"]
    await http.get(f"{hooks}/{number}", params=key)
    await http.patch(f"{hooks}/{number}", params=key, json={"active": True})
    await http.post(
        f"{hooks}/batch/update", params=key, json={"inputs": [{"id": int(number), "active": False}]}
    )
    await http.delete(f"{hooks}/{number}", params=key)
