"""What of a lead's change is still told once its person was erased: what is counted, and what became of records."""

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from typing import TypeVar, cast

from schemas.bare import without
from schemas.lead import (
    LeadChange,
    LeadObserved,
    LeadTakenOver,
    LeadTaskWanted,
    LeadWriteSettled,
    LeadWriteStarted,
    Observed,
)
from schemas.reading import Unreadable, read
from schemas.topics import LEAD_CHANGES
from services.sync.consumers.shard_leads import Decode, Encode
from services.sync.domain.erasure import KEPT_OF_ACTIVITIES, KEPT_OF_DEALS, erase, kept_fields
from services.sync.domain.records import Kind
from services.sync.domain.rules import Rules

V = TypeVar("V")


class BareChanges:
    """Strips changes by a firm's rules; *encode* and *decode* are of leads."""

    def __init__(self, rules: Rules, encode: Encode, decode: Decode) -> None:
        self._encode = encode
        self._decode = decode
        self._person = kept_fields(rules)
        self._stage_fields = frozenset(each.field for each in rules.stages if each.kind is Kind.OPPORTUNITY)
        self._kept: Mapping[str, Collection[str]] = {
            Kind.LEAD: self._person,
            Kind.OPPORTUNITY: KEPT_OF_DEALS | self._stage_fields,
            Kind.ACTIVITY: KEPT_OF_ACTIVITIES,
        }

    def __call__(self, value: bytes) -> bytes | None:
        """Return *value*, a change, without what is personal; None if it is none."""
        try:
            event = cast("LeadChange", read(LEAD_CHANGES, value))
        except (Unreadable, ValueError):
            return None
        match event:
            case LeadObserved():
                return without(event, {"fields": self._seen(event.data)})
            case LeadWriteStarted():
                return without(event, {"fields": self._of(event.data.kind, event.data.fields)})
            case LeadWriteSettled():
                return without(event, self._settled(event))
            case LeadTaskWanted():
                return without(event, {"subject": "", "body": ""})
            case LeadTakenOver():
                return self._taken_over(event)
            case _:
                return value

    def _seen(self, data: Observed) -> list[object]:
        kept = self._kept.get(data.kind, ())
        return [
            each.model_copy(update={"via": None, "by": None}) for each in data.fields if each.name in kept
        ]

    def _settled(self, event: LeadWriteSettled) -> Mapping[str, object]:
        data = event.data
        return {
            "fields": self._of(data.kind, data.fields),
            "over": self._of(data.kind, data.over),
            "refused_fields": [each for each in data.refused_fields if each in self._kept.get(data.kind, ())],
            "detail": None,
        }

    def _of(self, kind: str, fields: Mapping[str, V]) -> dict[str, V]:
        kept = self._kept.get(kind, ())
        return {name: value for name, value in fields.items() if name in kept}

    def _taken_over(self, event: LeadTakenOver) -> bytes | None:
        """Return the other lead, which is this person, as it is once erased."""
        try:
            lead = self._decode(event.data.lead_id, b64decode(event.data.state, validate=True))
        except (ValueError, TypeError, LookupError):
            return None
        erase(lead, self._person, self._stage_fields)
        return without(event, {"state": b64encode(self._encode(lead)).decode()})
