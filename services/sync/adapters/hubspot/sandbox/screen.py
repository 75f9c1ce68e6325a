"""What people see of the portal's records: titles, properties, what is associated."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.sync.adapters.hubspot.sandbox.portal import Portal
from services.sync.adapters.hubspot.sandbox.rows import Row
from services.sync.adapters.hubspot.sandbox.schema import OBJECTS, STAGES, Property
from services.sync.adapters.hubspot.sandbox.values import iso
from services.sync.adapters.sandbox.desk import Act, Column, Parent, Related, View

_SHOWN: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "contact": (
        "Contacts",
        "コンタクト",
        ("lastname", "firstname", "company", "email", "lifecyclestage", "hs_lead_status", "hubspot_owner_id"),
    ),
    "company": ("Companies", "会社", ("name", "domain", "industry", "city", "numberofemployees")),
    "deal": ("Deals", "取引", ("dealname", "dealstage", "pipeline", "amount", "closedate")),
    "call": (
        "Calls",
        "コール",
        ("hs_call_title", "hs_call_disposition", "hs_call_direction", "hs_timestamp"),
    ),
    "meeting": ("Meetings", "ミーティング", ("hs_meeting_title", "hs_meeting_outcome", "hs_timestamp")),
    "task": ("Tasks", "タスク", ("hs_task_subject", "hs_task_status", "hs_timestamp")),
    "email": ("Emails", "メール", ("hs_email_subject", "hs_email_direction", "hs_timestamp")),
}
"""Object → its name, 日本語, and what lists show of it."""

_MORE: Mapping[str, tuple[str, ...]] = {
    "contact": (
        "phone",
        "jobtitle",
        "industry",
        "country",
        "hs_email_optout",
        "hs_analytics_num_visits",
        "hs_email_open",
        "hs_email_click",
        "num_conversion_events",
    ),
    "call": ("hs_call_body", "hs_call_duration"),
    "meeting": ("hs_meeting_body", "hs_meeting_start_time", "hs_meeting_end_time"),
    "task": ("hs_task_body",),
    "email": ("hs_email_text",),
}
"""Object → what its page shows besides."""

_TITLES: Mapping[str, tuple[str, ...]] = {
    "contact": ("lastname", "firstname"),
    "company": ("name",),
    "deal": ("dealname",),
    "call": ("hs_call_title",),
    "meeting": ("hs_meeting_title",),
    "task": ("hs_task_subject",),
    "email": ("hs_email_subject",),
}
_CHILDREN: Mapping[str, tuple[str, ...]] = {"contact": ("deal", "meeting", "task", "company")}
_KINDS = {"number": "number", "date": "date", "datetime": "datetime"}
MOST = 50
"""So many records of one kind are shown beside another."""


class Screen:
    """The portal as its pages show it."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def views(self) -> Sequence[View]:
        """Return the objects with their properties."""
        return [self._view(each.name) for each in OBJECTS]

    def record(self, of: str, identity: str) -> Mapping[str, Any] | None:
        """Return one record, an archived one too."""
        row = self._portal.store.rows.get(of, {}).get(identity)
        return shown(row, history=False) if row is not None else None

    def title(self, of: str, record: Mapping[str, Any]) -> str:
        """Return what people call *record*."""
        fields = record["fields"]
        found = " ".join(fields[each] for each in _TITLES[of] if fields.get(each))
        return found or fields.get("email") or str(record["id"])

    def related(self, of: str, identity: str) -> Sequence[Related]:
        """Return what is associated with a record."""
        found: list[Related] = []
        links = self._portal.store.rows[of][identity].links
        for each in OBJECTS:
            rows = [self._portal.store.rows[each.name].get(linked) for linked in links.get(each.name, ())]
            there = [row for row in rows if row is not None and not row.archived]
            there.sort(key=lambda row: int(row.id), reverse=True)
            found += [Related(each.name, shown(row, history=False)) for row in there[:MOST]]
        return found

    def call(self, of: str, identity: str, *, outcome: str, note: str) -> Act:
        """Return the act of logging a call."""
        fields = {
            "hs_timestamp": iso(self._portal.clock.now()),
            "hs_call_title": "Call",
            "hs_call_direction": "OUTBOUND",
            "hs_call_status": "COMPLETED",
            "hs_call_disposition": outcome,
            "hs_call_body": note,
        }
        given: dict[str, str | int | float | bool | None] = {n: v for n, v in fields.items() if v}
        return Act(act="create", object="call", fields=given, parents=(Parent(object=of, id=identity),))

    def _view(self, of: str) -> View:
        label, label_ja, names = _SHOWN[of]
        known = self._portal.store.properties[of]
        own = tuple(name for name, each in known.items() if each.custom)
        form = dict.fromkeys((*names, *_MORE.get(of, ()), *own))
        return View(
            of,
            label,
            label_ja,
            tuple(self._column(of, known[each]) for each in names),
            tuple(self._column(of, known[each]) for each in form),
            calls=of == "contact",
            children=_CHILDREN.get(of, ()),
        )

    def _column(self, of: str, known: Property) -> Column:
        options: Mapping[str, str] = known.options
        if known.name == "hubspot_owner_id":
            owners = self._portal.settings.owners
            options = {
                each.id: f"{each.last_name} {each.first_name}".strip() for each in owners if each.active
            }
        elif known.name == "dealstage":
            options = dict(STAGES)
        elif known.name == "pipeline":
            options = {"default": "default"}
        elif known.type == "bool":
            options = {"true": "true", "false": "false"}
        required = of in _REQUIRED and known.name in _REQUIRED[of]
        return Column(
            known.name,
            known.label or known.name,
            known.label_ja or known.label or known.name,
            kind="multiline" if known.name.endswith(("_body", "_text")) else _KINDS.get(known.type, "text"),
            editable=not known.read_only or known.name in _COUNTERS,
            required=required,
            options=tuple(options),
            option_labels=options,
        )


_REQUIRED = {each.name: frozenset(each.required) for each in OBJECTS if each.required}
_COUNTERS = frozenset({"hs_analytics_num_visits", "hs_email_open", "hs_email_click", "num_conversion_events"})
"""HubSpot counts these itself; here a person plays the visitor too."""


def shown(row: Row, *, history: bool) -> dict[str, Any]:
    """Return *row* as the admin surface gives records."""
    body: dict[str, Any] = {
        "id": row.id,
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "archived": row.archived,
        "fields": {name: value for name, value in row.values.items() if value},
        "links": {to: list(ids) for to, ids in row.links.items() if ids},
    }
    if history:
        body["history"] = {
            name: [
                {"value": each.value, "at": each.at, "origin": each.origin.type} for each in reversed(past)
            ]
            for name, past in row.history.items()
        }
    return body
