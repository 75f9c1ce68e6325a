"""Records and batches in the JSON shapes of HubSpot's CRM API."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson
from starlette.requests import Request

from services.sync.adapters.hubspot.sandbox.refusal import Refusal, invalid
from services.sync.adapters.hubspot.sandbox.rows import Row, Version
from services.sync.adapters.hubspot.sandbox.schema import ALIASES, ASSOCIATION_TYPES, ObjectType
from services.sync.adapters.hubspot.sandbox.values import iso

_DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "contact": ("email", "firstname", "lastname"),
    "company": ("name", "domain"),
    "deal": ("dealname", "amount", "closedate", "dealstage", "pipeline"),
}


def record(row: Row, names: Sequence[str] = (), history: Sequence[str] = ()) -> dict[str, Any]:
    """Return *row* with the properties *names* (none: the object's usual ones) and the histories asked for."""
    modified = ALIASES[row.object].modified
    created = "createdate" if "createdate" in row.values else "hs_createdate"
    asked = names or _DEFAULTS.get(row.object, ())
    shown = {each: row.values.get(each) or None for each in (*asked, created, modified, "hs_object_id")}
    body: dict[str, Any] = {
        "id": row.id,
        "properties": shown,
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.updated_at),
        "archived": row.archived,
    }
    if row.archived_at is not None:
        body["archivedAt"] = iso(row.archived_at)
    if history:
        body["propertiesWithHistory"] = {
            each: [version(one) for one in reversed(row.history.get(each, ()))] for each in history
        }
    return body


def version(of: Version) -> dict[str, Any]:
    """Return one entry of a property's history."""
    body: dict[str, Any] = {
        "value": of.value,
        "timestamp": iso(of.at),
        "sourceType": of.origin.type,
        "sourceId": of.origin.id,
    }
    if of.origin.user is not None:
        body["updatedByUserId"] = of.origin.user
    return body


def batch(
    results: Sequence[Mapping[str, Any]], errors: Sequence[Mapping[str, Any]], now: int
) -> dict[str, Any]:
    """Return the envelope of a batch's answer."""
    body: dict[str, Any] = {
        "status": "COMPLETE",
        "results": list(results),
        "startedAt": iso(now),
        "completedAt": iso(now),
    }
    if errors:
        body["numErrors"] = len(errors)
        body["errors"] = list(errors)
    return body


def object_of(request: Request, name: str = "object") -> ObjectType:
    """Return the object that the path names."""
    spelt = str(request.path_params[name])
    found = ALIASES.get(spelt)
    if found is None:
        raise Refusal(400, "VALIDATION_ERROR", f"Unable to infer object type from: {spelt}")
    return found


async def json_of(request: Request) -> Mapping[str, Any]:
    """Return the request's body, a JSON object."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise invalid(f"Invalid input JSON: {error}") from None
    if not isinstance(body, dict):
        raise invalid("Invalid input JSON: an object is wanted")
    return body  # pyright: ignore[reportUnknownVariableType] - JSON from outside


def inputs_of(body: Mapping[str, Any], limit: int = 100) -> list[Mapping[str, Any]]:
    """Return the inputs of a batch, at most *limit*."""
    found = parts_of(body, "inputs")
    if len(found) > limit:
        raise invalid(f"The maximum number of inputs supported in a batch request is {limit}")
    return found


def parts_of(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the list of objects that *body* has under *name*; empty if it has none."""
    given: Any = body.get(name) or []
    parts = cast("list[Any]", given) if isinstance(given, list) else [given]
    if not all(isinstance(each, dict) for each in parts):
        raise invalid(f"Invalid input JSON: {name} must be a list of objects")
    return parts


def links_of(asked: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the records, by object and id, that `associations` of a create names."""
    found: list[tuple[str, str]] = []
    for each in asked.get("associations") or ():
        for kind in each.get("types") or ():
            pair = next(
                (pair for pair, number in ASSOCIATION_TYPES.items() if number == kind["associationTypeId"]),
                None,
            )
            if pair is None:
                raise invalid(f"Unknown association type {kind['associationTypeId']}")
            found.append((pair[1], str(each["to"]["id"])))
    return found
