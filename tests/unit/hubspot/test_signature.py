"""HubSpot's signatures: the vendor's own vectors, ours, and what must not pass."""

import pytest

from services.errors import Rejected
from services.sync.adapters.hubspot.account import SignatureVersion
from services.sync.adapters.hubspot.sandbox.courier import signed
from services.sync.adapters.hubspot.signature import WINDOW_MS, sign_v1, sign_v2, sign_v3, verify
from services.sync.application.ports import WebhookRequest

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URL = "https://www.example.com/webhook_uri"
AT = 1_693_657_560_000
EXAMPLE = b"{'example_field':'example_value'}"
CREATION = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
    b'"changeFlag":"NEW","appId":54321}]'
)
YAMADA = '[{"eventId":1,"propertyName":"lastname","propertyValue":"山田"}]'.encode()
V3 = frozenset({SignatureVersion.V3})
ALL = frozenset(SignatureVersion)


def request(body: bytes, *, method: str = "POST", url: str = URL, **headers: str) -> WebhookRequest:
    """Return a request with *headers*, underscores for dashes."""
    return WebhookRequest(method, url, {name.replace("_", "-"): text for name, text in headers.items()}, body)


def test_the_vendors_v1_vectors_come_out() -> None:
    """The documented v1 digests are reproduced."""
    assert (
        sign_v1(request(CREATION), SECRET)
        == "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    )
    assert (
        sign_v1(request(EXAMPLE), SECRET)
        == "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750"
    )


def test_the_vendors_v2_vectors_come_out() -> None:
    """The documented v2 digests are reproduced."""
    assert (
        sign_v2(request(b"", method="GET"), SECRET)
        == "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
    )
    assert (
        sign_v2(request(EXAMPLE), SECRET)
        == "4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383"
    )


@pytest.mark.parametrize(
    ("body", "digest"),
    [
        (EXAMPLE, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        (YAMADA, "3XBm3AHhwdDRGb7HCdVid1GxhehbSfDfCuH3dXUyErQ="),
    ],
)
def test_the_v3_vectors_come_out_and_verify(body: bytes, digest: str) -> None:
    """The v3 digests are reproduced, also over bytes that are not ASCII, and `verify` takes them."""
    signed_request = request(body, x_hubspot_signature_v3=digest, x_hubspot_request_timestamp=str(AT))
    assert sign_v3(signed_request, SECRET, str(AT)) == digest
    verify(signed_request, SECRET, AT + 1_000, V3)


def test_only_the_characters_that_hubspot_decodes_are_decoded() -> None:
    """An encoded slash is decoded before signing, an encoded space or quote is not."""
    plain = request(b"[]", url="https://x.example/a?to=https://y.example/z&w=a%20b%22")
    coded = request(b"[]", url="https://x.example/a?to=https%3A%2F%2fy.example%2Fz&w=a%20b%22")
    other = request(b"[]", url='https://x.example/a?to=https://y.example/z&w=a b"')
    assert sign_v3(plain, SECRET, "1") == sign_v3(coded, SECRET, "1")
    assert sign_v3(plain, SECRET, "1") != sign_v3(other, SECRET, "1")


def test_the_sandbox_signs_what_the_connector_verifies() -> None:
    """The sandbox's own signer, written apart, agrees with the verifier for an encoded URL."""
    url = "https://x.example/hooks?tenant=a%3Ab%20c"
    headers = {n.lower(): v for n, v in signed(SECRET.encode(), url, YAMADA, AT).items()}
    verify(WebhookRequest("POST", url, headers, YAMADA), SECRET, AT, V3)
    v1_only = {n: v for n, v in headers.items() if not n.endswith("-v3")}
    verify(WebhookRequest("POST", url, v1_only, YAMADA), SECRET, AT, ALL)
    with pytest.raises(Rejected) as refused:
        verify(WebhookRequest("POST", url, v1_only, YAMADA), SECRET, AT, V3)
    assert refused.value.reason == "unsigned"


@pytest.mark.parametrize("off", [-WINDOW_MS - 1, WINDOW_MS + 1])
def test_a_signature_from_more_than_five_minutes_away_is_stale(off: int) -> None:
    """Too old and too new are both refused; at five minutes exactly it is still good."""
    headers = {n.lower(): v for n, v in signed(SECRET.encode(), URL, EXAMPLE, AT).items()}
    signed_request = WebhookRequest("POST", URL, headers, EXAMPLE)
    with pytest.raises(Rejected) as refused:
        verify(signed_request, SECRET, AT + off, V3)
    assert refused.value.reason == "stale"
    verify(signed_request, SECRET, AT + (off + 1 if off < 0 else off - 1), V3)


@pytest.mark.parametrize(
    ("header", "text", "reason"),
    [
        ("x-hubspot-signature-v3", "AAAA", "bad-signature"),
        ("x-hubspot-signature-v3", "山", "bad-signature"),
        ("x-hubspot-request-timestamp", str(AT + 1), "bad-signature"),
        ("x-hubspot-request-timestamp", "soon", "unsigned"),
        ("x-hubspot-request-timestamp", "１２３", "unsigned"),
        ("x-hubspot-request-timestamp", "9" * 400, "unsigned"),
        ("x-hubspot-request-timestamp", "", "unsigned"),
    ],
)
def test_a_tampered_header_is_refused(header: str, text: str, reason: str) -> None:
    """Whatever stands in the headers, the answer is a reason and not a crash."""
    headers = {n.lower(): v for n, v in signed(SECRET.encode(), URL, EXAMPLE, AT).items()} | {header: text}
    with pytest.raises(Rejected) as refused:
        verify(WebhookRequest("POST", URL, headers, EXAMPLE), SECRET, AT, V3)
    assert refused.value.reason == reason


def test_another_body_url_method_or_secret_is_refused() -> None:
    """Each part that is signed matters."""
    headers = {n.lower(): v for n, v in signed(SECRET.encode(), URL, EXAMPLE, AT).items()}
    others = (
        (WebhookRequest("POST", URL, headers, EXAMPLE + b" "), SECRET),
        (WebhookRequest("POST", URL + "?x=1", headers, EXAMPLE), SECRET),
        (WebhookRequest("PUT", URL, headers, EXAMPLE), SECRET),
        (WebhookRequest("POST", URL, headers, EXAMPLE), SECRET + "y"),
    )
    for changed, secret in others:
        with pytest.raises(Rejected) as refused:
            verify(changed, secret, AT, ALL - {SignatureVersion.V1, SignatureVersion.V2})
        assert refused.value.reason == "bad-signature"
