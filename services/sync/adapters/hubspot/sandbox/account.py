"""Facts about the portal over the API: owners, properties, pipelines, usage."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sync.adapters.hubspot.sandbox.portal import Portal
from services.sync.adapters.hubspot.sandbox.refusal import Refusal, invalid
from services.sync.adapters.hubspot.sandbox.schema import STAGES, Property
from services.sync.adapters.hubspot.sandbox.settings import Owner
from services.sync.adapters.hubspot.sandbox.shapes import json_of, object_of
from services.sync.adapters.hubspot.sandbox.values import iso
from services.sync.adapters.sandbox.admin import answer

_FIELD_TYPES = {
    "string": "text",
    "number": "number",
    "bool": "booleancheckbox",
    "date": "date",
    "datetime": "date",
    "enumeration": "select",
    "phone_number": "phonenumber",
}


class Account:
    """``/crm/v3/owners``, ``/crm/v3/properties``, ``/crm/v3/pipelines``, ``/account-info``."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._born = portal.clock.now()

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/crm/v3/owners", self.owners, methods=["GET"]),
            Route("/crm/v3/properties/{object}", self.properties, methods=["GET"]),
            Route("/crm/v3/properties/{object}", self.add_property, methods=["POST"]),
            Route("/crm/v3/properties/{object}/{name}", self.property, methods=["GET"]),
            Route("/crm/v3/pipelines/{object}", self.pipelines, methods=["GET"]),
            Route("/account-info/v3/api-usage/daily/private-apps", self.usage, methods=["GET"]),
            Route("/account-info/v3/details", self.details, methods=["GET"]),
        ]

    async def owners(self, request: Request) -> Response:
        """Return the owners, active or archived."""
        archived = request.query_params.get("archived") == "true"
        email = request.query_params.get("email")
        found = [each for each in self._portal.settings.owners if each.active is not archived]
        shown = [self._owner(each) for each in found if email is None or each.email == email]
        return answer({"results": shown})

    async def properties(self, request: Request) -> Response:
        """Return the definitions of an object's properties."""
        known = self._portal.store.properties[object_of(request).name]
        return answer({"results": [self._property(each) for each in known.values()]})

    async def property(self, request: Request) -> Response:
        """Return one definition."""
        known = self._portal.store.properties[object_of(request).name]
        found = known.get(str(request.path_params["name"]))
        if found is None:
            raise Refusal(404, "OBJECT_NOT_FOUND", "Property does not exist")
        return answer(self._property(found))

    async def add_property(self, request: Request) -> Response:
        """Define a property."""
        known = self._portal.store.properties[object_of(request).name]
        body = await json_of(request)
        name = str(body.get("name", ""))
        if not name or body.get("type") not in _FIELD_TYPES:
            raise invalid("A property needs a name and a type")
        if name in known:
            raise Refusal(409, "CONFLICT", f'A property named "{name}" already exists.')
        made = Property(
            name=name,
            label=str(body.get("label") or name),
            type=str(body["type"]),
            options={str(each["value"]): str(each["label"]) for each in body.get("options") or ()},
            unique=bool(body.get("hasUniqueValue")),
            custom=True,
            field_type=str(body.get("fieldType") or ""),
        )
        known[name] = made
        return answer(self._property(made), 201)

    async def pipelines(self, request: Request) -> Response:
        """Return the pipelines of an object: deals have one."""
        if object_of(request).name != "deal":
            return answer({"results": []})
        born = iso(self._born)
        common = {"archived": False, "createdAt": born, "updatedAt": born}
        stages = [
            {"id": stage, "label": label, "displayOrder": place, "metadata": {"probability": "0.5"}, **common}
            for place, (stage, label) in enumerate(STAGES)
        ]
        pipeline = {
            "id": "default",
            "label": "Sales pipeline",
            "displayOrder": 0,
            "stages": stages,
            **common,
        }
        return answer({"results": [pipeline]})

    async def usage(self, _request: Request) -> Response:
        """Return how much of today's quota is used."""
        daily = self._portal.settings.daily
        row = {
            "name": "private-apps-api-calls-daily",
            "usageLimit": daily,
            "currentUsage": daily - self._portal.quota.daily_remaining,
            "collectedAt": iso(self._portal.clock.now()),
            "fetchStatus": "SUCCESS",
            "resetsAt": iso(self._portal.clock.now()),
        }
        return answer({"results": [row]})

    async def details(self, _request: Request) -> Response:
        """Return facts about the portal."""
        settings = self._portal.settings
        return answer({"portalId": settings.portal_id, "accountType": "STANDARD", "timeZone": "Asia/Tokyo"})

    def _owner(self, owner: Owner) -> dict[str, Any]:
        return {
            "id": owner.id,
            "email": owner.email,
            "type": "PERSON",
            "firstName": owner.first_name,
            "lastName": owner.last_name,
            "userId": int(owner.id),
            "createdAt": iso(self._born),
            "updatedAt": iso(self._born),
            "archived": not owner.active,
        }

    def _property(self, known: Property) -> dict[str, Any]:
        options = [
            {"label": label, "value": value, "displayOrder": place, "hidden": False}
            for place, (value, label) in enumerate(known.options.items())
        ]
        return {
            "name": known.name,
            "label": known.label or known.name,
            "type": known.type,
            "fieldType": known.field_type or _FIELD_TYPES[known.type],
            "description": "",
            "groupName": "contactinformation",
            "options": options,
            "hasUniqueValue": known.unique,
            "hubspotDefined": not known.custom,
            "calculated": False,
            "archived": False,
            "hidden": False,
            "formField": not known.read_only,
            "modificationMetadata": {
                "archivable": known.custom,
                "readOnlyDefinition": not known.custom,
                "readOnlyValue": known.read_only,
            },
        }
