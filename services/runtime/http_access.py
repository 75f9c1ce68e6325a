"""Who may call what a server offers: those who hold a key with the role for it, or are on this machine."""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fastapi import Depends, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from services.errors import Misconfigured
from services.runtime.http import is_loopback
from services.runtime.problems import Problem

_SHORTEST_KEY = 16

_bearer = HTTPBearer(auto_error=False, description="The API key of the configuration.")
_header = APIKeyHeader(name="X-Api-Key", auto_error=False, description="The API key of the configuration.")


class Role(StrEnum):
    """What a key is good for; who may operate may read as well."""

    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key and its role. Its text is kept out of logs and tracebacks."""

    key: str = field(repr=False)
    role: Role


def role_holders(*, keys: Sequence[ApiKey], role: Role, host: str, what: str) -> list[Any]:
    """
    Return the dependencies of a router that only holders of a key with *role* may call.

    Args:
        keys: What callers must present one of, as Bearer token or X-Api-Key. None only for a loopback *host*.
        role: What the router takes.
        host: The address the server is bound to.
        what: What is served, for the error's text.

    Raises:
        Misconfigured: No key although others can reach the server, or a key that can be guessed.
    """
    if not keys and not is_loopback(host):
        raise Misconfigured(
            f"{what} are served at {host!r}, which others can reach, without an API key:"
            " set one, or bind to 127.0.0.1"
        )
    if any(len(each.key) < _SHORTEST_KEY for each in keys):
        raise Misconfigured(f"the API key must have {_SHORTEST_KEY} characters or more")
    guard = _require(keys, role) if keys else _require_local_name
    return [Depends(_bearer), Depends(_header), Depends(guard)]


def _require(keys: Sequence[ApiKey], role: Role) -> Callable[[Request], None]:
    # Hashed, for the comparison takes constant time only over equal lengths.
    expected = [(hashlib.sha256(each.key.encode()).digest(), each.role) for each in keys]

    def guard(request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
        presented = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
        # Every key is compared, so that the time doesn't tell which one was near.
        held = {each for known, each in expected if hmac.compare_digest(presented, known)}
        if not held:
            mend = "send the key as `Authorization: Bearer …` or `X-Api-Key: …`"
            raise Problem(401, "unauthorised", "the API key is missing or wrong", mend=mend)
        if not held & {role, Role.OPERATE}:
            mend = f"use a key with the role {role}"
            raise Problem(403, "role-missing", f"this API key may not {role}", mend=mend)

    return guard


def _require_local_name(request: Request) -> None:
    # A page in the user's browser may point a name of its own at 127.0.0.1 and read what no key protects.
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if not is_loopback(name):
        mend = "call http://127.0.0.1, or set an API key"
        raise Problem(403, "foreign-host", "without an API key only local names are answered", mend=mend)
