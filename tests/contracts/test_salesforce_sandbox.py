"""The sandbox behaves as Salesforce documents it, asked over HTTP as any client would."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from services.runtime.clock import now_ms
from services.sync.adapters.salesforce.account import JwtBearer
from services.sync.adapters.salesforce.sandbox import SandboxSettings
from services.sync.adapters.salesforce.sandbox.fields import Field
from services.sync.adapters.salesforce.session import assertion
from tests.integration.salesforce_world import World, salesforce

DATA = "/services/data/v67.0"
LEAD: dict[str, Any] = {"LastName": "山田", "Company": "例"}


@pytest.fixture
async def world() -> AsyncGenerator[World]:
    """Give a sandbox."""
    async with salesforce() as found:
        found.http.headers.update(found.token())
        yield found


def batch(*records: dict[str, Any], all_or_none: bool = False) -> dict[str, Any]:
    """Return a collection of leads."""
    return {
        "allOrNone": all_or_none,
        "records": [{"attributes": {"type": "Lead"}, **each} for each in records],
    }


def code(response: httpx2.Response) -> str:
    """Return the error code of a response; all errors are arrays."""
    return response.json()[0]["errorCode"]


async def query(world: World, soql: str, resource: str = "query") -> dict[str, Any]:
    """Return the answer of a query."""
    response = await world.http.get(f"{DATA}/{resource}", params={"q": soql})
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_upsert_says_whether_it_created(world: World) -> None:
    """201 for a new record, 200 for one that was there, 404 where only an update was allowed."""
    path = f"{DATA}/sobjects/Lead/Tasuki_Id__c/a%2Fb"
    missing = await world.http.patch(path, json=LEAD, params={"updateOnly": "true"})
    first = await world.http.patch(path, json=LEAD)
    again = await world.http.patch(path, json=LEAD)
    assert [missing.status_code, first.status_code, again.status_code] == [404, 201, 200]
    assert (first.json()["created"], again.json()["created"]) == (True, False)
    read = await world.http.get(path)
    assert (read.json()["Id"], read.json()["Tasuki_Id__c"]) == (first.json()["id"], "a/b")


async def test_the_external_id_must_not_stand_in_the_body(world: World) -> None:
    """As documented for single upserts."""
    response = await world.http.patch(
        f"{DATA}/sobjects/Lead/Tasuki_Id__c/a", json={**LEAD, "Tasuki_Id__c": "a"}
    )
    assert (response.status_code, code(response)) == (400, "INVALID_FIELD")


async def test_several_matches_of_an_upsert_are_300_and_write_nothing() -> None:
    """Where the external id is not unique."""
    loose = Field(name="Tasuki_Id__c", external_id=True)
    async with salesforce(SandboxSettings(extra_fields={"Lead": (loose,)})) as world:
        for _ in range(2):
            await world.act("create", "Lead", fields={**LEAD, "Tasuki_Id__c": "a"})
        path = f"{DATA}/sobjects/Lead/Tasuki_Id__c/a"
        response = await world.http.patch(path, json={"FirstName": "x"}, headers=world.token())
        assert response.status_code == 300
        assert [each.rsplit("/", 1)[1] for each in response.json()] == [
            each["Id"] for each in world.rows("Lead")
        ]
        assert not any(each.get("FirstName") for each in world.rows("Lead"))


async def test_a_record_whose_unique_value_another_has_now_stays_in_the_bin(world: World) -> None:
    """No two records may hold it; when it is free again, the record may come back."""
    gone = (await world.act("create", "Lead", fields={**LEAD, "Tasuki_Id__c": "a"}))["id"]
    await world.act("delete", "Lead", id=gone)
    other = (await world.act("create", "Lead", fields={**LEAD, "Tasuki_Id__c": "a"}))["id"]
    (refused,) = await world.acts({"act": "undelete", "object": "Lead", "id": gone})
    assert "duplicate value found" in refused["error"]
    await world.act("update", "Lead", id=other, fields={"Tasuki_Id__c": None})
    await world.act("undelete", "Lead", id=gone)


async def test_a_collection_is_200_even_if_all_fail(world: World) -> None:
    """Each record has its own result, in order."""
    records = batch({"Tasuki_Id__c": "a"}, {"Tasuki_Id__c": "b", **LEAD, "Email": "no address"})
    response = await world.http.patch(f"{DATA}/composite/sobjects/Lead/Tasuki_Id__c", json=records)
    assert response.status_code == 200
    assert [each["success"] for each in response.json()] == [False, False]
    errors = [each["errors"][0] for each in response.json()]
    assert errors[0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert errors[0]["fields"] == ["LastName", "Company"]
    assert errors[1]["statusCode"] == "INVALID_EMAIL_ADDRESS"
    assert world.rows("Lead") == []


async def test_all_or_none_rolls_everything_back(world: World) -> None:
    """Nothing is stored and nothing is told."""
    before = world.sandbox.state.bus.published
    records = batch({"Tasuki_Id__c": "a", **LEAD}, {"Tasuki_Id__c": "b"}, all_or_none=True)
    response = await world.http.patch(f"{DATA}/composite/sobjects/Lead/Tasuki_Id__c", json=records)
    assert [each["errors"][0]["statusCode"] for each in response.json()] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert world.rows("Lead") == []
    assert world.sandbox.state.bus.published == before
    assert (await query(world, "SELECT Id FROM Lead WHERE Tasuki_Id__c = 'a'"))["totalSize"] == 0


async def test_a_record_that_changed_lately_does_not_make_the_next_of_its_collection_late(
    world: World,
) -> None:
    """Under a driven clock two records are written at once, the first changed by a person at this instant."""
    entered, acted = 1_712_069_999_000, 1_712_070_000_000
    await world.http.put("/_sandbox/clock", json={"drive": entered - 1})
    for each in "ab":
        await world.act("create", "Lead", fields={**LEAD, "Tasuki_Id__c": each}, at=entered)
    first, second = [each["Id"] for each in world.rows("Lead")]
    await world.act("update", "Lead", id=first, fields={"Status": "Qualified"}, at=acted)

    records = batch(*({"Tasuki_Id__c": each, "Title": "x"} for each in "ab"))
    await world.http.patch(f"{DATA}/composite/sobjects/Lead/Tasuki_Id__c", json=records)
    await world.act("update", "Lead", id=second, fields={"Status": "Qualified"}, at=acted)

    assert [each["SystemModstamp"] for each in world.rows("Lead")] == [acted + 1, acted]


async def test_one_external_id_twice_in_a_collection_fails(world: World) -> None:
    """Both of them, and only they."""
    records = batch(*({"Tasuki_Id__c": each, **LEAD} for each in "aba"))
    response = await world.http.patch(f"{DATA}/composite/sobjects/Lead/Tasuki_Id__c", json=records)
    assert [each["success"] for each in response.json()] == [False, True, False]


async def test_more_than_two_hundred_records_are_refused(world: World) -> None:
    """The documented limit."""
    records = batch(*({"Tasuki_Id__c": str(each), **LEAD} for each in range(201)))
    response = await world.http.patch(f"{DATA}/composite/sobjects/Lead/Tasuki_Id__c", json=records)
    assert response.status_code == 400
    assert world.rows("Lead") == []


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"Status": "Unheard of"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"FirstName": "長" * 41}, "STRING_TOO_LONG"),
        ({"OwnerId": "0015g0000000001AAA"}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"OwnerId": "0055g0000000zzz"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"OwnerId": "short"}, "MALFORMED_ID"),
        ({"IsConverted": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Nothing__c": 1}, "INVALID_FIELD"),
        ({"FirstName": 7}, "JSON_PARSER_ERROR"),
        ({"LastName": ""}, "REQUIRED_FIELD_MISSING"),
    ],
)
async def test_values_are_checked(world: World, fields: dict[str, Any], wanted: str) -> None:
    """With the vendor's words for what is wrong."""
    response = await world.http.post(f"{DATA}/sobjects/Lead", json={**LEAD, **fields})
    assert (response.status_code, code(response)) == (400, wanted)
    assert world.rows("Lead") == []


async def test_pages_of_a_query_follow_each_other(world: World) -> None:
    """No row is missing or repeated, and the locator ends with the last page."""
    acts = [{"act": "create", "object": "Lead", "fields": {**LEAD, "FirstName": str(n)}} for n in range(450)]
    await world.acts(*acts)
    headers = {"sforce-query-options": "batchSize=200"}
    page = await world.http.get(
        f"{DATA}/query", params={"q": "SELECT FirstName FROM Lead ORDER BY Id"}, headers=headers
    )
    names = [each["FirstName"] for each in page.json()["records"]]
    sizes = [len(names)]
    while not page.json()["done"]:
        page = await world.http.get(page.json()["nextRecordsUrl"])
        names += [each["FirstName"] for each in page.json()["records"]]
        sizes.append(len(page.json()["records"]))
    assert names == [str(n) for n in range(450)]
    assert sizes == [200, 200, 50]


async def test_soql_compares_as_the_vendor_does(world: World) -> None:
    """Without case, with nulls first, over the recycle bin only when asked."""
    for name, email in (("a", "A@x.example"), ("b", None), ("c", "c@x.example")):
        await world.act("create", "Lead", key=name, fields={**LEAD, "FirstName": name, "Email": email})
    await world.act("delete", "Lead", key="c")
    found = await query(world, "SELECT FirstName FROM Lead WHERE Email IN ('a@X.example', 'c@x.example')")
    assert [each["FirstName"] for each in found["records"]] == ["a"]
    every = await query(world, "SELECT FirstName FROM Lead ORDER BY Email", "queryAll")
    assert [each["FirstName"] for each in every["records"]] == ["b", "a", "c"]
    like = await query(world, "SELECT FirstName FROM Lead WHERE Email LIKE 'a@%' AND IsDeleted = false")
    assert like["totalSize"] == 1


@pytest.mark.parametrize(
    ("soql", "wanted"),
    [
        ("SELECT Nothing__c FROM Lead", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Lead WHERE IsConverted = 'x'", "INVALID_FIELD"),
        ("SELECT Id", "MALFORMED_QUERY"),
    ],
)
async def test_wrong_queries_are_named(world: World, soql: str, wanted: str) -> None:
    """Each mistake has its code."""
    response = await world.http.get(f"{DATA}/query", params={"q": soql})
    assert (response.status_code, code(response)) == (400, wanted)


async def test_a_uri_has_its_limit(world: World) -> None:
    """16,384 bytes, after which a query has to be cut."""
    response = await world.http.get(f"{DATA}/query", params={"q": "x" * 17_000})
    assert response.status_code == 414


async def test_each_answer_tells_the_usage_and_no_session_is_401(world: World) -> None:
    """The limit header counts; without a session there is nothing."""
    response = await world.http.get(f"{DATA}/limits")
    assert response.headers["sforce-limit-info"] == "api-usage=1/1000000"
    assert response.json()["DailyApiRequests"] == {"Max": 1_000_000, "Remaining": 999_999}
    stranger = await world.http.get(f"{DATA}/limits", headers={"authorization": "Bearer nothing"})
    assert (stranger.status_code, code(stranger)) == (401, "INVALID_SESSION_ID")


async def test_ids_of_fifteen_characters_are_as_good(world: World) -> None:
    """The short form, and not a wrong checksum."""
    made = (await world.act("create", "Lead", fields=LEAD))["id"]
    assert (await world.http.get(f"{DATA}/sobjects/Lead/{made[:15]}")).json()["Id"] == made
    wrong = await world.http.get(f"{DATA}/sobjects/Lead/{made[:15]}ZZZ")
    assert code(wrong) == "MALFORMED_ID"


async def test_a_lead_once_converted_cannot_be_written(world: World) -> None:
    """It stays to be read, with the records that it became."""
    made = (await world.act("create", "Lead", fields={**LEAD, "Tasuki_Id__c": "a", "City": "東京"}))["id"]
    done = (await world.act("convert", "Lead", id=made))["created"]
    response = await world.http.patch(f"{DATA}/sobjects/Lead/{made}", json={"FirstName": "x"})
    assert code(response) == "CANNOT_UPDATE_CONVERTED_LEAD"
    lead = (await world.http.get(f"{DATA}/sobjects/Lead/{made}")).json()
    assert (lead["IsConverted"], lead["ConvertedContactId"]) == (True, done["contact"])
    contact = (await world.http.get(f"{DATA}/sobjects/Contact/{done['contact']}")).json()
    assert (contact["Tasuki_Id__c"], contact["MailingCity"], contact["AccountId"]) == (
        "a",
        "東京",
        done["account"],
    )


KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def bearer(**more: str) -> JwtBearer:
    """Return the login of the integration user."""
    told = {"client_id": "tasuki-sandbox", "username": "integration@tasuki.example", "private_key": PRIVATE}
    return JwtBearer(**{**told, **more})


@pytest.mark.parametrize(
    ("auth", "age_ms", "error"),
    [
        (bearer(), 0, None),
        (bearer(audience="https://test.salesforce.com"), 0, "audience is invalid"),
        (bearer(username="nobody@tasuki.example"), 0, "user hasn't approved this consumer"),
        (bearer(client_id="other"), 0, "client identifier invalid"),
        (bearer(), 200_000, "expired authorization code"),
    ],
)
async def test_a_jwt_bearer_login_is_checked(auth: JwtBearer, age_ms: int, error: str | None) -> None:
    """Signature, audience, user, consumer and life."""
    async with salesforce(SandboxSettings(public_key=PUBLIC)) as world:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": assertion(auth, now_ms() - age_ms),
        }
        response = await world.http.post("/services/oauth2/token", data=form)
        if error is None:
            assert response.json()["id"].endswith(world.sandbox.state.integration_user)
        else:
            assert (response.status_code, response.json()["error_description"]) == (400, error)


async def test_a_jwt_that_another_key_signed_is_refused() -> None:
    """Only the certificate of the connected app counts."""
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    claims = jwt.decode(assertion(bearer(), now_ms()), options={"verify_signature": False})
    async with salesforce(SandboxSettings(public_key=PUBLIC)) as world:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": jwt.encode(claims, other, algorithm="RS256"),
        }
        response = await world.http.post("/services/oauth2/token", data=form)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
