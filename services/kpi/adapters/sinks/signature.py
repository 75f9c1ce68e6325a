"""
The signature of our webhooks: ``t=<seconds>,v1=<hex>``, HMAC-SHA256 of ``<seconds>.<body>``.

The form is Stripe's, for which receivers have libraries; several ``v1`` stand side by side while a secret is
being replaced. Source: https://docs.stripe.com/webhooks#verify-manually
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256

HEADER = "Tasuki-Signature"


def signed(body: bytes, secrets: Sequence[str], at: int) -> str:
    """Return the header's value for *body*, signed with each of *secrets* at *at*, epoch ms."""
    seconds = at // 1000
    return ",".join([f"t={seconds}", *(f"v1={_digest(body, secret, seconds)}" for secret in secrets)])


def is_signed(header: str, body: bytes, secret: str, at: int, *, tolerance_ms: int = 300_000) -> bool:
    """Return whether *header* signs *body* with *secret*, not more than *tolerance_ms* away from *at*, epoch ms."""
    parts = [part.partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in parts if name == "t"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit():
        return False
    seconds = int(times[0])
    if abs(at - seconds * 1000) > tolerance_ms:
        return False
    wanted = _digest(body, secret, seconds).encode()
    return any(hmac.compare_digest(wanted, value.encode()) for name, value in parts if name == "v1")


def _digest(body: bytes, secret: str, seconds: int) -> str:
    return hmac.new(secret.encode(), b"%d." % seconds + body, sha256).hexdigest()
