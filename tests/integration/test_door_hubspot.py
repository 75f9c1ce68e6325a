"""The door with HubSpot's real verifier: what HubSpot sends is taken, and nothing that only resembles it."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest

from services.runtime.clock import now_ms
from tests.integration.door_world import HubSpotDoor, OpenDoor, open_door, signed_by_hubspot
from tests.waiting import PATIENCE_S

PATH = "/webhooks/hubspot"
EVENT = {
    "eventId": 3_816_279_340,
    "subscriptionType": "contact.propertyChange",
    "objectId": 1_246_965,
    "propertyName": "lastname",
    "propertyValue": "山田",
    "occurredAt": 1_462_216_307_945,
}
BODY = json.dumps([EVENT, EVENT | {"objectId": 2}], ensure_ascii=False).encode()


@pytest.fixture
async def door() -> AsyncIterator[OpenDoor]:
    """Return an open door to HubSpot."""
    async with open_door(connectors={"hubspot": HubSpotDoor()}) as opened:
        yield opened


@pytest.fixture
async def http(door: OpenDoor) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the open door."""
    async with httpx2.AsyncClient(base_url=door.url, timeout=PATIENCE_S) as client:
        yield client


async def test_a_webhook_of_hubspots_is_kept_event_by_event(door: OpenDoor, http: httpx2.AsyncClient) -> None:
    """Keyed by the record, with HubSpot's own text as the body."""
    answer = await http.post(PATH, content=BODY, headers=signed_by_hubspot(BODY))

    assert answer.status_code == 204
    assert [each.key.rpartition(":")[2] for each in door.inbox.records] == ["1246965", "2"]
    assert json.loads(json.loads(door.inbox.records[0].value or b"")["data"]["body"]) == EVENT


async def test_the_url_is_signed_with_hubspots_decoding(http: httpx2.AsyncClient) -> None:
    """Some escapes are decoded before signing; the door hands the URL on as it was called."""
    called, as_signed = PATH + "?to=a%2Fb%20c", PATH + "?to=a/b%20c"

    answer = await http.post(called, content=BODY, headers=signed_by_hubspot(BODY, path=as_signed))
    assert answer.status_code == 204


@pytest.mark.parametrize("away_ms", [-301_000, 301_000])
async def test_a_webhook_outside_the_window_is_stale(http: httpx2.AsyncClient, away_ms: int) -> None:
    """Both ways; HubSpot's own library forgets the future."""
    headers = signed_by_hubspot(BODY, at=now_ms() + away_ms)
    answer = await http.post(PATH, content=BODY, headers=headers)

    assert (answer.status_code, answer.json()["reason"]) == (401, "stale")


async def test_unsigned_and_forged_webhooks_are_refused(door: OpenDoor, http: httpx2.AsyncClient) -> None:
    """Also one that was signed for another body, and one with the weaker v1 signature."""
    unsigned = await http.post(PATH, json=[EVENT])
    forged = await http.post(PATH, content=BODY + b" ", headers=signed_by_hubspot(BODY))
    other = await http.post(PATH, content=BODY, headers=signed_by_hubspot(BODY, secret=b"another app's"))
    weak = {"X-HubSpot-Signature": "0" * 64, "X-HubSpot-Signature-Version": "v1"}
    downgraded = await http.post(PATH, json=[EVENT], headers=weak)

    assert [answer.json()["reason"] for answer in (unsigned, forged, other, downgraded)] == [
        *("unsigned", "bad-signature", "bad-signature", "unsigned"),
    ]
    assert not door.inbox.records
