"""Webhook subscriptions, and the webhook events that a change makes for the active ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.sync.adapters.hubspot.sandbox.refusal import Refusal, invalid
from services.sync.adapters.hubspot.sandbox.rows import Change
from services.sync.adapters.hubspot.sandbox.schema import ALIASES
from services.sync.adapters.hubspot.sandbox.settings import SandboxSettings
from services.sync.adapters.hubspot.sandbox.values import iso

MAX_SUBSCRIPTIONS = 1_000
FORBIDDEN = frozenset({"num_unique_conversion_events", "hs_lastmodifieddate", "lastmodifieddate"})
"""Properties that cannot be subscribed to. Source: https://developers.hubspot.com/docs/api/webhooks"""

_EVENT = {
    "create": "creation",
    "update": "propertyChange",
    "delete": "deletion",
    "restore": "restore",
    "merge": "merge",
    "associate": "associationChange",
    "erase": "privacyDeletion",
}


@dataclass(slots=True)
class Subscription:
    """What the app wants to be told; a new one is paused."""

    id: int
    event_type: str
    created_at: int
    property: str | None = None
    type_id: str | None = None
    active: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as the subscriptions API shows it."""
        body: dict[str, Any] = {
            "id": str(self.id),
            "eventType": self.event_type,
            "active": self.active,
            "createdAt": iso(self.created_at),
        }
        if self.property is not None:
            body["propertyName"] = self.property
        if self.type_id is not None:
            body["objectTypeId"] = self.type_id
        return body

    def concerns(self, change: Change, event: str, name: str | None) -> bool:
        """Return whether *event* of *change*, about the property *name*, is to be told."""
        prefix, _, own = self.event_type.partition(".")
        if not self.active or own != event or (name is not None and self.property != name):
            return False
        if prefix == "object":
            return self.type_id == ALIASES[change.object].type_id
        return prefix == change.object


class Subscriptions:
    """All subscriptions of the app."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._next = 1
        self.all: dict[int, Subscription] = {}

    def add(
        self,
        event_type: str,
        *,
        at: int,
        property: str | None = None,  # noqa: A002 - the vendor's word
        type_id: str | None = None,
        active: bool = False,
    ) -> Subscription:
        """Subscribe; refuse what HubSpot refuses."""
        if len(self.all) >= MAX_SUBSCRIPTIONS:
            raise invalid(f"An app can have {MAX_SUBSCRIPTIONS} subscriptions")
        if event_type.endswith(".propertyChange") and (property is None or property in FORBIDDEN):
            raise invalid(f"Cannot subscribe to changes of {property}")
        same = (event_type, property, type_id)
        if any((each.event_type, each.property, each.type_id) == same for each in self.all.values()):
            raise Refusal(409, "CONFLICT", f"Subscription to {event_type} already exists")
        made = Subscription(self._next, event_type, at, property, type_id, active)
        self.all[made.id] = made
        self._next += 1
        return made

    def events(self, change: Change) -> Iterator[dict[str, Any]]:
        """Yield the events that *change* makes, without their ids."""
        if change.kind in {"create", "update", "merge"}:
            for name, value in change.fields.items():
                told = {"propertyName": name, "propertyValue": value}
                yield from self._for(change, "propertyChange", told, name)
        if change.kind == "update":
            return
        if change.kind == "erase":
            yield from self._for(change, "deletion", {})
        if change.kind == "merge":
            for old in (change.extra["primary"], *change.extra["merged"]):
                yield from self._for(change._replace(id=old), "deletion", {})
        yield from self._for(change, _EVENT[change.kind], _details(change))

    def _for(
        self, change: Change, event: str, told: Mapping[str, Any], name: str | None = None
    ) -> Iterator[dict[str, Any]]:
        for each in self.all.values():
            if each.concerns(change, event, name):
                yield self._event(each, change, told)

    def _event(self, each: Subscription, change: Change, told: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "eventId": 0,
            "subscriptionId": each.id,
            "portalId": self._settings.portal_id,
            "appId": self._settings.app_id,
            "occurredAt": change.at,
            "subscriptionType": each.event_type,
            "attemptNumber": 0,
            "objectId": int(change.id),
            "objectTypeId": ALIASES[change.object].type_id,
            "changeSource": change.origin.type,
            "sourceId": change.origin.id,
            **told,
        }


def _details(change: Change) -> Mapping[str, Any]:
    extra = change.extra
    if change.kind == "create":
        return {"changeFlag": "CREATED"}
    if change.kind == "merge":
        return {
            "primaryObjectId": int(extra["primary"]),
            "mergedObjectIds": [int(each) for each in extra["merged"]],
            "newObjectId": int(change.id),
            "numberOfPropertiesMoved": extra["moved"],
        }
    if change.kind == "associate":
        return {
            "associationType": f"{change.object}_TO_{extra['to_object']}".upper(),
            "fromObjectId": int(extra["from"]),
            "toObjectId": int(extra["to"]),
            "associationRemoved": extra["removed"],
            "isPrimaryAssociation": extra.get("primary", False),
        }
    return {}
