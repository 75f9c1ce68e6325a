"""
Secrets whose variables are named after something in the file: one for each sink of alerts, one for each key of the feed.

Every service must know these names, or it would call another's secret a misspelt variable.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from services.configuration.document import Document

FORMS: Final[Mapping[str, str]] = {
    "TASUKI_SINK_<NAME>_URL": "The address of the sink: an apprise URL, or where the webhook's receiver is.",
    "TASUKI_SINK_<NAME>_SECRET": "Sink of kind `webhook`: what signs the messages; 16 characters or more.",
    "TASUKI_SINK_<NAME>_SECRET_OLD": "The secret before, while it is being replaced; may be left out.",
    "TASUKI_FEED_KEY_<NAME>": "The key of the feed with that name; 16 characters or more.",
}
"""What the variables look like. `<NAME>` is the name in capitals, with _ for -."""

_OF_A_SINK: Final[Mapping[str, tuple[str, ...]]] = {
    "apprise": ("TASUKI_SINK_<NAME>_URL",),
    "webhook": ("TASUKI_SINK_<NAME>_URL", "TASUKI_SINK_<NAME>_SECRET", "TASUKI_SINK_<NAME>_SECRET_OLD"),
    "sales-task": (),
}
"""By kind; one that isn't named is for people, by apprise."""

_ANY: Final = re.compile(r"TASUKI_(?:SINK_\w+_(?:URL|SECRET|SECRET_OLD)|FEED_KEY_\w+)")


def sink_variable(name: str, what: str) -> str:
    """Return the variable of the sink *name* that holds *what*: URL, SECRET, SECRET_OLD."""
    return f"TASUKI_SINK_{_capitals(name)}_{what}"


def feed_variable(name: str) -> str:
    """Return the variable of the feed's key *name*."""
    return f"TASUKI_FEED_KEY_{_capitals(name)}"


def named_secrets(document: Document) -> Mapping[str, str]:
    """Return the variables that *document* calls into being, with what each is for; also of broken sections."""
    found: dict[str, str] = {}
    for sink in _tables(document.value("sinks")):
        if isinstance(name := sink.get("name"), str):
            forms = _OF_A_SINK.get(str(sink.get("kind")), _OF_A_SINK["apprise"])
            found |= {form.replace("<NAME>", _capitals(name)): FORMS[form] for form in forms}
    for key in _tables(document.value("feed", "keys")):
        if isinstance(name := key.get("name"), str):
            found[feed_variable(name)] = FORMS["TASUKI_FEED_KEY_<NAME>"]
    return found


def may_be_named(variable: str) -> bool:
    """Return whether some file could call *variable* into being."""
    return _ANY.fullmatch(variable) is not None


def _tables(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in cast("list[object]", value):
            if isinstance(each, dict):
                yield cast("dict[str, Any]", each)


def _capitals(name: str) -> str:
    return name.upper().replace("-", "_")
