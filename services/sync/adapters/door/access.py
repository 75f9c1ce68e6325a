"""Who may read what the door serves beside webhooks: those who hold the key, or are on this machine."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from services.errors import Misconfigured
from services.runtime.http import is_loopback
from services.runtime.problems import Problem

_SHORTEST_KEY = 16

_bearer = HTTPBearer(auto_error=False, description="The API key of the configuration.")
_header = APIKeyHeader(name="X-Api-Key", auto_error=False, description="The API key of the configuration.")


def key_holders(*, api_key: str | None, host: str, what: str) -> list[Any]:
    """
    Return the dependencies of a router that only key holders may call.

    Args:
        api_key: What callers must present, as Bearer token or X-Api-Key. None only for a loopback *host*.
        host: The address the server is bound to.
        what: What is served, for the error's text.

    Raises:
        Misconfigured: No key although others can reach the server, or a key that can be guessed.
    """
    if api_key is None and not is_loopback(host):
        raise Misconfigured(
            f"{what} are served at {host!r}, which others can reach, without an API key:"
            " set one, or bind to 127.0.0.1"
        )
    if api_key is not None and len(api_key) < _SHORTEST_KEY:
        raise Misconfigured(f"the API key must have {_SHORTEST_KEY} characters or more")
    guard = _require(api_key) if api_key is not None else _require_local_name
    return [Depends(_bearer), Depends(_header), Depends(guard)]


def _require(api_key: str) -> Callable[[Request], None]:
    # Hashed, for the comparison takes constant time only over equal lengths.
    expected = hashlib.sha256(api_key.encode()).digest()

    def guard(request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
        presented = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
        if not hmac.compare_digest(presented, expected):
            mend = "send the key as `Authorization: Bearer …` or `X-Api-Key: …`"
            raise Problem(401, "unauthorised", "the API key is missing or wrong", mend=mend)

    return guard


def _require_local_name(request: Request) -> None:
    # A page in the user's browser may point a name of its own at 127.0.0.1 and read what no key protects.
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if not is_loopback(name):
        mend = "call http://127.0.0.1, or set an API key"
        raise Problem(403, "foreign-host", "without an API key only local names are answered", mend=mend)
