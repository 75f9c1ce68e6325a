"""What the simulated portal knows by default: objects, their properties, association types, pipelines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LIFECYCLE = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
"""The default lifecycle stages in HubSpot's order; a portal may have others."""

_LEAD_STATUS = (
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
)

CALL_DISPOSITIONS: Mapping[str, str] = {
    "9d9162e7-6cf3-4944-bf63-4dff82258764": "Busy",
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "Connected",
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff": "Left live message",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "Left voicemail",
    "73a0d17f-1163-4015-bdd5-ec830791da20": "No answer",
    "17b47fee-58de-441e-a44c-c6300d46f273": "Wrong number",
}
"""The built-in outcomes of a call. Source: https://developers.hubspot.com/docs/api/crm/calls"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """
    One property of an object.

    `type` is HubSpot's: string, number, bool, date, datetime, enumeration, phone_number. `options` maps an
    enumeration's values to labels; empty for external options such as owners. `read_only` refuses writes
    through the API, not what happens inside HubSpot.
    """

    name: str
    label: str = ""
    label_ja: str = ""
    type: str = "string"
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    unique: bool = False
    read_only: bool = False
    custom: bool = False
    field_type: str = ""


@dataclass(frozen=True, slots=True)
class ObjectType:
    """An object: the singular name, the path's plural, the numeric type id, its modification property."""

    name: str
    plural: str
    type_id: str
    modified: str = "hs_lastmodifieddate"
    required: tuple[str, ...] = ()


OBJECTS: Sequence[ObjectType] = (
    ObjectType("contact", "contacts", "0-1", "lastmodifieddate"),
    ObjectType("company", "companies", "0-2"),
    ObjectType("deal", "deals", "0-3", required=("dealname", "dealstage", "pipeline")),
    ObjectType("call", "calls", "0-48", required=("hs_timestamp",)),
    ObjectType("meeting", "meetings", "0-47", required=("hs_timestamp",)),
    ObjectType("task", "tasks", "0-27", required=("hs_timestamp",)),
    ObjectType("email", "emails", "0-49", required=("hs_timestamp",)),
)

ALIASES: Mapping[str, ObjectType] = {
    alias: each for each in OBJECTS for alias in (each.name, each.plural, each.type_id)
}
"""Every spelling of an object that a path may use."""

ASSOCIATION_TYPES: Mapping[tuple[str, str], int] = {
    ("contact", "company"): 279,
    ("company", "contact"): 280,
    ("deal", "contact"): 3,
    ("contact", "deal"): 4,
    ("deal", "company"): 341,
    ("company", "deal"): 342,
    ("contact", "call"): 193,
    ("call", "contact"): 194,
    ("contact", "email"): 197,
    ("email", "contact"): 198,
    ("contact", "meeting"): 199,
    ("meeting", "contact"): 200,
    ("contact", "task"): 203,
    ("task", "contact"): 204,
}
"""Default association types. Source: https://developers.hubspot.com/docs/api/crm/associations"""

PRIMARY_TYPES: Mapping[tuple[str, str], int] = {("contact", "company"): 1, ("company", "contact"): 2}
"""The types of a contact's primary company, which it has beside the plain one. Same source."""


def _same(*values: str) -> dict[str, str]:
    return {value: value for value in values}


_LABELS: Mapping[str, tuple[str, str]] = {
    "hs_timestamp": ("Time", "日時"),
    "hs_call_title": ("Title", "件名"),
    "hs_meeting_title": ("Title", "件名"),
    "hs_task_subject": ("Subject", "件名"),
    "hs_email_subject": ("Subject", "件名"),
    "hs_call_direction": ("Direction", "方向"),
    "hs_email_direction": ("Direction", "方向"),
    "dealname": ("Deal", "取引名"),
    "dealstage": ("Stage", "ステージ"),
    "pipeline": ("Pipeline", "パイプライン"),
    "amount": ("Amount", "金額"),
    "closedate": ("Close date", "クローズ日"),
    "name": ("Name", "名前"),
    "domain": ("Domain", "ドメイン"),
    "industry": ("Industry", "業種"),
    "city": ("City", "市区町村"),
    "country": ("Country", "国"),
    "numberofemployees": ("Employees", "従業員数"),
}


def _of(
    kind: str, *names: str, read_only: bool = False, custom: bool = False, unique: bool = False
) -> tuple[Property, ...]:
    return tuple(
        Property(
            name=each,
            label=_LABELS.get(each, (each, each))[0],
            label_ja=_LABELS.get(each, (each, each))[1],
            type=kind,
            read_only=read_only,
            custom=custom,
            unique=unique,
        )
        for each in names
    )


def _counter(name: str, label: str, label_ja: str) -> Property:
    return Property(name=name, label=label, label_ja=label_ja, type="number", read_only=True)


_STANDARD = (
    *_of(
        "datetime", "createdate", "hs_createdate", "hs_lastmodifieddate", "lastmodifieddate", read_only=True
    ),
    *_of("string", "hs_object_id", "hs_merged_object_ids", "hs_object_source", read_only=True),
    Property(name="hubspot_owner_id", label="Owner", label_ja="担当者", type="enumeration"),
)
_ENGAGEMENT = (*_STANDARD, *_of("datetime", "hs_timestamp"))

_CONTACT = (
    *_STANDARD,
    Property(name="email", label="Email", label_ja="メール"),
    Property(name="lastname", label="Last name", label_ja="姓"),
    Property(name="firstname", label="First name", label_ja="名"),
    Property(name="company", label="Company", label_ja="会社"),
    Property(name="jobtitle", label="Job title", label_ja="役職"),
    Property(name="phone", label="Phone", label_ja="電話"),
    *_of("string", "mobilephone", "website", "address", "city", "state", "zip", "country", "industry"),
    *_of("string", "hs_additional_emails", "numemployees", "message", "hs_language", "salutation", "fax"),
    *_of("number", "annualrevenue", "hubspotscore"),
    Property(
        name="lifecyclestage",
        label="Lifecycle stage",
        label_ja="ライフサイクル",
        type="enumeration",
        options=_same(*LIFECYCLE),
        field_type="radio",
    ),
    Property(
        name="hs_lead_status",
        label="Lead status",
        label_ja="リードステータス",
        type="enumeration",
        options=_same(*_LEAD_STATUS),
        field_type="radio",
    ),
    Property(name="hs_email_optout", label="Opted out", label_ja="配信停止", type="bool"),
    _counter("hs_analytics_num_visits", "Visits", "訪問数"),
    _counter("hs_analytics_num_page_views", "Page views", "閲覧数"),
    _counter("hs_email_open", "Emails opened", "メール開封"),
    _counter("hs_email_click", "Emails clicked", "メールクリック"),
    _counter("num_conversion_events", "Forms sent", "フォーム送信"),
    *_of("enumeration", "hs_analytics_source", read_only=True),
    *_of("datetime", "notes_last_contacted", read_only=True),
    Property(name="document_downloads", label="Downloads", label_ja="資料請求", type="number", custom=True),
    Property(
        name="seminar_attendances", label="Seminars", label_ja="セミナー参加", type="number", custom=True
    ),
)

PROPERTIES: Mapping[str, Sequence[Property]] = {
    "contact": _CONTACT,
    "company": (
        *_STANDARD,
        *_of("string", "name", "domain", "phone", "city", "country", "industry", "website"),
        *_of("number", "numberofemployees", "annualrevenue"),
    ),
    "deal": (
        *_STANDARD,
        *_of("string", "dealname", "deal_currency_code", "description"),
        *_of("enumeration", "dealstage", "pipeline", "dealtype"),
        *_of("number", "amount"),
        *_of("datetime", "closedate"),
    ),
    "call": (
        *_ENGAGEMENT,
        *_of("string", "hs_call_title", "hs_call_body", "hs_call_direction", "hs_call_status"),
        *_of("number", "hs_call_duration"),
        Property(
            name="hs_call_disposition",
            label="Outcome",
            label_ja="結果",
            type="enumeration",
            options=CALL_DISPOSITIONS,
        ),
    ),
    "meeting": (
        *_ENGAGEMENT,
        *_of("string", "hs_meeting_title", "hs_meeting_body", "hs_meeting_location"),
        *_of("datetime", "hs_meeting_start_time", "hs_meeting_end_time"),
        Property(
            name="hs_meeting_outcome",
            label="Outcome",
            label_ja="結果",
            type="enumeration",
            options=_same("SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"),
        ),
    ),
    "task": (
        *_ENGAGEMENT,
        *_of("string", "hs_task_subject", "hs_task_body", "hs_task_priority", "hs_task_type"),
        Property(
            name="hs_task_status",
            label="Status",
            label_ja="状態",
            type="enumeration",
            options=_same("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"),
        ),
    ),
    "email": (
        *_ENGAGEMENT,
        *_of("string", "hs_email_subject", "hs_email_text", "hs_email_direction", "hs_email_status"),
    ),
}

STAGES: Sequence[tuple[str, str]] = (
    ("appointmentscheduled", "Appointment scheduled"),
    ("qualifiedtobuy", "Qualified to buy"),
    ("presentationscheduled", "Presentation scheduled"),
    ("decisionmakerboughtin", "Decision maker bought-in"),
    ("contractsent", "Contract sent"),
    ("closedwon", "Closed won"),
    ("closedlost", "Closed lost"),
)
"""The stages of the default deal pipeline."""
