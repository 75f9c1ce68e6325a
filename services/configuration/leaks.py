"""Finds secrets written into the file, and takes them out before anything could show them."""

import re
from typing import Any, Final, cast
from urllib.parse import urlsplit

from services.configuration.document import Document
from services.configuration.named_secrets import feed_variable, sink_variable
from services.configuration.places import KeyPath

_SECRET_KEY: Final = re.compile(
    r"(?:^|_)(?:access_?token|api_?key|token|client_secret|secret|password|passwd|private_key(?:_file)?"
    r"|refresh_token|client_id|consumer_key|consumer_secret)$"
)
# HubSpot's private-app tokens, PEM keys, JSON Web Tokens, Salesforce sessions.
_SECRET_VALUE: Final = re.compile(r"^(?:pat-[a-z]{2,4}\d?-\w|-----BEGIN |eyJ[\w-]{10,}\.|00D\w{12,15}!)")

_SECTION_WORDS: Final = {"ma": "HUBSPOT", "sfa": "SALESFORCE", "log": "KAFKA", "store": "REDIS"}
_PROPER: Final = {
    ("HUBSPOT", "client_id"): "CLIENT_ID",
    ("HUBSPOT", "refresh"): "REFRESH_TOKEN",
    ("HUBSPOT", "token"): "TOKEN",
    ("HUBSPOT", "pat-"): "TOKEN",
    ("HUBSPOT", "secret"): "CLIENT_SECRET",
    ("SALESFORCE", "client_id"): "CLIENT_ID",
    ("SALESFORCE", "consumer_key"): "CLIENT_ID",
    ("SALESFORCE", "private"): "PRIVATE_KEY_FILE",
    ("SALESFORCE", "-----begin"): "PRIVATE_KEY_FILE",
    ("SALESFORCE", "secret"): "CLIENT_SECRET",
    ("KAFKA", ""): "PASSWORD",
    ("REDIS", ""): "PASSWORD",
}
_USERS_OWN: Final = frozenset({"values", "milestones", "outcomes", "when", "segments", "addresses"})
_KEY_OF_A_TABLE: Final = 3  # the section, the number of the table in it, the key
_REDACTED: Final = "taken out"


def take_out_secrets(document: Document) -> None:
    """Report each secret in *document* with where it belongs, and remove it from the data."""
    _search(document, document.data, ())


def _search(document: Document, table: Any, path: KeyPath) -> None:
    if isinstance(table, dict):
        entries = cast("dict[str, Any]", table)
        for key in list(entries):
            here = (*path, key)
            if (_SECRET_KEY.search(key.lower()) and not _is_users_own(here)) or _is_sinks_address(here):
                del entries[key]
                _report(document, here, key)
            else:
                entries[key] = _cleaned(document, entries[key], here)
    elif isinstance(table, list):
        elements = cast("list[Any]", table)
        for index, value in enumerate(elements):
            elements[index] = _cleaned(document, value, (*path, index))


def _cleaned(document: Document, value: Any, path: KeyPath) -> Any:
    if not isinstance(value, str):
        _search(document, value, path)
        return value
    if _SECRET_VALUE.search(value.strip()):
        _report(document, path, value)
        return _REDACTED
    if _has_password(value):
        _report(document, path, "password")
        return re.sub(r"//[^/]*@", "//", value, count=1)
    return value


def _has_password(value: str) -> bool:
    try:
        return "://" in value and urlsplit(value).password is not None
    except ValueError:
        return False


def _is_users_own(path: KeyPath) -> bool:
    """Return whether the key is a name that the user gives or lists, not a setting."""
    return any(key in _USERS_OWN for key in path[:-1])


def _is_sinks_address(path: KeyPath) -> bool:
    return path[0] == "sinks" and path[-1] in ("url", "address", "webhook") and len(path) == _KEY_OF_A_TABLE


def _report(document: Document, path: KeyPath, hint: str) -> None:
    document.settle(
        path,
        "is a secret, which has no place in this file",
        f"{_where(document, path, hint)}; renew it if others saw it",
    )


def _where(document: Document, path: KeyPath, hint: str) -> str:
    name = document.value(*path[:-1], "name")
    if path[0] == "sinks" and isinstance(name, str):
        what = "URL" if _is_sinks_address(path) else "SECRET"
        return f"take it out and set {sink_variable(name, what)} in the environment"
    if path[:2] == ("feed", "keys") and isinstance(name, str):
        return f"take it out and set {feed_variable(name)} in the environment"
    system = _SECTION_WORDS.get(str(path[0]))
    words = f"{hint} {path[-1]}".lower()
    for (of, word), name in _PROPER.items():
        if of == system and word in words:
            return f"take it out and set TASUKI_{system}_{name} in the environment"
    return "take it out; secrets come from the environment, see the reference"
