"""Read a record's value as an event of its topic, or say in one stable word why it is none."""

from typing import Any, Literal, cast

from pydantic import ValidationError

from schemas.envelope import Envelope
from schemas.topics import Topic

MOST_PLACES = 5
"""How many places of a bad event the error's text names."""
_LONGEST_TYPE = 100


class Unreadable(ValueError):
    """
    A record that isn't an event of its topic: it goes to dead letters with `reason`, the rest goes on.

    ``not-json``: the value isn't JSON, or isn't there. ``unknown-type``: an event type that this version
    doesn't know, for instance a younger version's. ``bad-event``: fields are missing or wrong. The text names
    the places but quotes no value, for these may be personal data.
    """

    def __init__(self, message: str, *, reason: Literal["not-json", "unknown-type", "bad-event"]) -> None:
        super().__init__(message)
        self.reason = reason


def read(topic: Topic, value: bytes | None) -> Envelope:
    """Return the event that *value*, a record of *topic*, holds. Raises Unreadable."""
    try:
        return cast("Envelope", topic.events.validate_json(value or b""))
    except ValidationError as error:
        raise _told(topic, error) from None  # the original's text would quote the values


def _told(topic: Topic, error: ValidationError) -> Unreadable:
    details = error.errors(include_url=False)
    if details[0]["type"] == "json_invalid":
        return Unreadable(f"a record of {topic.name} is not JSON", reason="not-json")
    for each in details:
        found = _type_in(each)
        if found is not None:
            return Unreadable(
                f"{topic.name} has no event type {found!r} in this version", reason="unknown-type"
            )
    places = [f"{'.'.join(map(str, each['loc'])) or 'the whole'}: {each['type']}" for each in details]
    more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    text = "; ".join(places[:MOST_PLACES])
    return Unreadable(f"an event of {topic.name} is not as its schema says: {text}{more}", reason="bad-event")


def _type_in(detail: Any) -> str | None:
    """Return the event type that isn't known, if that is what *detail* is about."""
    if detail["type"] == "union_tag_invalid":
        return str(detail["ctx"]["tag"])[:_LONGEST_TYPE]
    if detail["type"] == "literal_error" and detail["loc"][-1:] == ("type",) and len(detail["loc"]) == 1:
        return str(detail["input"])[:_LONGEST_TYPE]
    return None
