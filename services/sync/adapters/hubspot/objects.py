"""The HubSpot objects that the connector reads, and the canonical fields that each activity has by nature."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.sync.domain.field_map import FieldType, MappedField
from services.sync.domain.records import Kind

SYSTEM = "hubspot"
CONTACT = "contact"
COMPANY = "company"

_CALL_OUTCOMES = {
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "busy",
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "connected",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "left-live-message",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "left-voicemail",
    "73a0d17f-1163-4015-bdd5-ec830791da20": "no-answer",
    "17b47fee-58de-441e-a44c-c6300d46f273": "wrong-number",
}
"""HubSpot's built-in call outcomes; a firm's own pass through as they are.

Source: https://developers.hubspot.com/docs/api/crm/calls
"""

_MEETING_OUTCOMES = {
    "SCHEDULED": "scheduled",
    "COMPLETED": "completed",
    "RESCHEDULED": "rescheduled",
    "NO_SHOW": "no-show",
    "CANCELED": "canceled",
}
_TASK_OUTCOMES = {
    "NOT_STARTED": "not-started",
    "IN_PROGRESS": "in-progress",
    "WAITING": "waiting",
    "COMPLETED": "completed",
    "DEFERRED": "deferred",
}
_EMAIL_OUTCOMES = {"SENT": "sent", "BOUNCED": "bounced", "FAILED": "failed", "SCHEDULED": "scheduled"}
_DIRECTIONS = {
    "INBOUND": "inbound",
    "OUTBOUND": "outbound",
    "EMAIL": "outbound",
    "INCOMING_EMAIL": "inbound",
    "FORWARDED_EMAIL": "outbound",
}


@dataclass(frozen=True, slots=True)
class HubSpotObject:
    """
    One object: the word in webhooks, the plural in paths, the numeric type id, its kind.

    `fields` are the fields it has without any configuration; a mapped field of the same canonical name
    takes precedence.
    """

    name: str
    plural: str
    type_id: str
    kind: Kind
    fields: tuple[MappedField, ...] = ()


def _activity(
    at: str, subject: str, outcome: tuple[str, Mapping[str, str]], direction: str | None = None
) -> tuple[MappedField, ...]:
    fields = [
        MappedField(name="at", vendor_name=at, type=FieldType.INSTANT),
        MappedField(name="owner", vendor_name="hubspot_owner_id", type=FieldType.OWNER),
        MappedField(name="outcome", vendor_name=outcome[0], values=outcome[1]),
        MappedField(name="subject", vendor_name=subject),
    ]
    if direction is not None:
        fields.append(MappedField(name="direction", vendor_name=direction, values=_DIRECTIONS))
    return tuple(fields)


OBJECTS: Mapping[str, HubSpotObject] = {
    each.name: each
    for each in (
        HubSpotObject(CONTACT, "contacts", "0-1", Kind.LEAD),
        HubSpotObject(COMPANY, "companies", "0-2", Kind.COMPANY),
        HubSpotObject("deal", "deals", "0-3", Kind.OPPORTUNITY),
        HubSpotObject(
            "call",
            "calls",
            "0-48",
            Kind.ACTIVITY,
            _activity(
                "hs_timestamp", "hs_call_title", ("hs_call_disposition", _CALL_OUTCOMES), "hs_call_direction"
            ),
        ),
        HubSpotObject(
            "meeting",
            "meetings",
            "0-47",
            Kind.ACTIVITY,
            _activity("hs_timestamp", "hs_meeting_title", ("hs_meeting_outcome", _MEETING_OUTCOMES)),
        ),
        HubSpotObject(
            "task",
            "tasks",
            "0-27",
            Kind.ACTIVITY,
            _activity("hs_timestamp", "hs_task_subject", ("hs_task_status", _TASK_OUTCOMES)),
        ),
        HubSpotObject(
            "email",
            "emails",
            "0-49",
            Kind.ACTIVITY,
            _activity(
                "hs_timestamp", "hs_email_subject", ("hs_email_status", _EMAIL_OUTCOMES), "hs_email_direction"
            ),
        ),
    )
}
"""By the word that notifications and record references use."""

BY_TYPE_ID: Mapping[str, HubSpotObject] = {each.type_id: each for each in OBJECTS.values()}
