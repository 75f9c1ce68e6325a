"""HubSpot's webhook signatures, checked on the raw bytes."""

import hmac
import re
from base64 import b64encode
from collections.abc import Collection
from hashlib import sha256

from services.errors import Rejected
from services.sync.adapters.hubspot.account import SignatureVersion
from services.sync.application.ports import WebhookRequest

WINDOW_MS = 300_000
"""How long a signed request is good for, before and after the time it names, unless configured otherwise."""

_DECODED = {
    "3A": ":",
    "2F": "/",
    "3F": "?",
    "40": "@",
    "21": "!",
    "24": "$",
    "27": "'",
    "28": "(",
    "29": ")",
    "2A": "*",
    "2C": ",",
    "3B": ";",
}
"""The characters that HubSpot decodes in the URL before it signs; all others stay as they came."""

_ENCODED = re.compile("%(" + "|".join(_DECODED) + ")", re.IGNORECASE)


def verify(
    request: WebhookRequest,
    secret: str,
    now: int,
    accepted: Collection[SignatureVersion],
    window_ms: int = WINDOW_MS,
) -> None:
    """
    Raise unless *request* was signed with *secret* in one of the *accepted* ways, lately.

    Source: https://developers.hubspot.com/docs/api/webhooks/validating-requests

    Raises:
        Rejected: ``unsigned``, ``stale`` or ``bad-signature``.
    """
    if SignatureVersion.V3 in accepted and "x-hubspot-signature-v3" in request.headers:
        _verify_v3(request, secret, now, window_ms)
        return
    named = request.headers.get("x-hubspot-signature-version", "").lower()
    for version, sign in ((SignatureVersion.V1, sign_v1), (SignatureVersion.V2, sign_v2)):
        if version in accepted and named == version and "x-hubspot-signature" in request.headers:
            _compare(sign(request, secret), request.headers["x-hubspot-signature"])
            return
    raise Rejected("the webhook carries no signature that this connector accepts", reason="unsigned")


def sign_v1(request: WebhookRequest, secret: str) -> str:
    """Return the hex digest of secret and body."""
    return sha256(secret.encode() + request.body).hexdigest()


def sign_v2(request: WebhookRequest, secret: str) -> str:
    """Return the hex digest of secret, method, URL and body."""
    text = secret.encode() + request.method.encode() + request.url.encode() + request.body
    return sha256(text).hexdigest()


def sign_v3(request: WebhookRequest, secret: str, timestamp: str) -> str:
    """Return the base64 HMAC of method, URL, body and *timestamp* (epoch ms as text)."""
    url = _ENCODED.sub(lambda found: _DECODED[found[1].upper()], request.url)
    text = request.method.encode() + url.encode() + request.body + timestamp.encode()
    return b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()


def _verify_v3(request: WebhookRequest, secret: str, now: int, window_ms: int) -> None:
    timestamp = request.headers.get("x-hubspot-request-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > len("9999999999999"):
        raise Rejected("the webhook's timestamp is missing or no number", reason="unsigned")
    _compare(sign_v3(request, secret, timestamp), request.headers["x-hubspot-signature-v3"])
    if abs(now - int(timestamp)) > window_ms:
        detail = f"the webhook was signed more than {window_ms // 1000} s away from now"
        raise Rejected(detail, reason="stale")


def _compare(wanted: str, given: str) -> None:
    if not hmac.compare_digest(wanted.encode(), given.strip().encode("utf-8", "replace")):
        raise Rejected("the webhook's signature does not fit its content", reason="bad-signature")
