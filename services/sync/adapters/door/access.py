"""Who may read what the door serves beside webhooks: those who hold the key, or are on this machine."""

from typing import Any

from services.runtime.http_access import ApiKey, Role, role_holders


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
    keys = () if api_key is None else (ApiKey(api_key, Role.OPERATE),)
    return role_holders(keys=keys, role=Role.READ, host=host, what=what)
