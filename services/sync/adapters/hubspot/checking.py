"""Looks at credentials, permissions, properties, subscriptions and quota, and says how to mend what is wrong."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, cast

from services.errors import ServiceError
from services.sync.adapters.hubspot.account import HubSpotAccount
from services.sync.adapters.hubspot.client import ApiRefused, HubSpotClient
from services.sync.adapters.hubspot.objects import BY_TYPE_ID, COMPANY, CONTACT
from services.sync.adapters.hubspot.owners import OwnerDirectory
from services.sync.application.ports import Finding, Severity
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.records import Kind

SCOPES = ("crm.objects.contacts.read", "crm.objects.contacts.write")
COMPANY_SCOPES = ("crm.objects.companies.read", "crm.objects.companies.write")
"""Needed where companies are kept."""

OWNERS_SCOPE = "crm.objects.owners.read"
"""Needed where an owner is mapped."""

LOW_QUOTA = 0.1
"""Below this share of the daily quota `check` warns."""

_FITTING: Mapping[FieldType, frozenset[str]] = {
    FieldType.TEXT: frozenset(
        {"string", "enumeration", "phone_number", "number", "bool", "date", "datetime"}
    ),
    FieldType.EMAIL: frozenset({"string"}),
    FieldType.PHONE: frozenset({"string", "phone_number"}),
    FieldType.DOMAIN: frozenset({"string"}),
    FieldType.INTEGER: frozenset({"number"}),
    FieldType.NUMBER: frozenset({"number"}),
    FieldType.MONEY: frozenset({"number"}),
    FieldType.DATE: frozenset({"date", "datetime"}),
    FieldType.INSTANT: frozenset({"datetime"}),
    FieldType.BOOLEAN: frozenset({"bool", "enumeration"}),
    FieldType.OWNER: frozenset({"enumeration", "string"}),
}
"""Which HubSpot property types can hold a canonical type."""


_MENDS = {
    "token": "See that HubSpot can be reached from here, and that the token (or refresh token) is this app's.",
    "properties": "Give the app the scope crm.schemas.contacts.read, and check again.",
    "people": f"Give the app the scope {OWNERS_SCOPE}, and check again.",
    "subscriptions": "See that the developer key and the app id belong together, and check again.",
}


class Checker:
    """Finds out whether the account is set up for tasuki; reads only."""

    def __init__(
        self, client: HubSpotClient, account: HubSpotAccount, field_map: FieldMap, owners: OwnerDirectory
    ) -> None:
        self._client = client
        self._account = account
        self._owners = owners
        self._mapped = field_map.of(Kind.LEAD, CONTACT)
        self._of_companies = field_map.of(Kind.COMPANY, COMPANY)

    async def findings(self) -> Sequence[Finding]:
        """Return everything that was looked at; a vendor that doesn't answer is a finding too."""
        found: list[Finding] = []
        for part in (self._token, self._properties, self._people, self._subscriptions):
            try:
                found += [each async for each in part()]
            except (ServiceError, ApiRefused) as error:
                name = part.__name__.strip("_")
                found.append(_error(name, str(error), _MENDS[name]))
                if part == self._token:
                    return found
        found.append(self._quota())
        return found

    async def _token(self) -> AsyncIterator[Finding]:
        told = await self._token_facts()
        hub = told.get("hubId", told.get("hub_id"))
        app = told.get("appId", told.get("app_id"))
        yield _ok("token", f"HubSpot knows the token: account {hub}, app {app}")
        if self._account.portal_id is not None and hub != self._account.portal_id:
            yield _error(
                "account",
                f"the token belongs to account {hub}, the configuration names {self._account.portal_id}",
                "Use that account's token, or correct portal_id.",
            )
        if app != self._account.app_id:
            yield _error(
                "app",
                f"the token belongs to app {app}, the configuration names {self._account.app_id}; "
                "our own changes would not be told apart",
                f"Set app_id to {app}.",
            )
        granted = {str(each) for each in cast("list[Any]", told.get("scopes") or [])}
        owned = any(each.type is FieldType.OWNER for each in self._mapped)
        scopes = (*SCOPES, OWNERS_SCOPE) if owned else SCOPES
        for scope in (*scopes, *COMPANY_SCOPES) if self._of_companies else scopes:
            if scope in granted:
                yield _ok(f"scope {scope}", "granted")
            else:
                yield _error(
                    f"scope {scope}", "not granted", f"Add {scope} to the app's scopes and renew the token."
                )

    async def _token_facts(self) -> Mapping[str, Any]:
        token = await self._client.token()
        grant = self._account.oauth
        if grant is None:
            path = "/oauth/v2/private-apps/get/access-token-info"
            return (await self._client.post(path, {"tokenKey": token})).body
        form = {
            "client_id": grant.client_id,
            "client_secret": grant.client_secret,
            "token": token,
            "token_type_hint": "access_token",
        }
        return (await self._client.post_form("/oauth/v3/token/introspect", form)).body

    async def _properties(self) -> AsyncIterator[Finding]:
        answer = await self._client.get("/crm/v3/properties/contacts")
        there = {str(each.get("name")): each for each in answer.parts("results")}
        yield self._own_property(there.get(self._account.own_property))
        found = [_property(each, there.get(each.vendor_name)) for each in self._mapped]
        wrong = [each for each in found if each.severity is not Severity.OK]
        for each in wrong:
            yield each
        if not wrong:
            yield _ok("contact properties", f"all {len(found)} mapped ones are there and fit")
        async for each in self._company_properties():
            yield each

    async def _company_properties(self) -> AsyncIterator[Finding]:
        if not self._of_companies:
            return
        answer = await self._client.get("/crm/v3/properties/companies")
        there = {str(each.get("name")): each for each in answer.parts("results")}
        found = [_property(each, there.get(each.vendor_name), COMPANY) for each in self._of_companies]
        wrong = [each for each in found if each.severity is not Severity.OK]
        for each in wrong:
            yield each
        if not wrong:
            yield _ok("company properties", f"all {len(found)} mapped ones are there and fit")

    def _own_property(self, known: Mapping[str, Any] | None) -> Finding:
        name = self._account.own_property
        subject = f"contact property {name}"
        create = (
            f"Create it once: POST /crm/v3/properties/contacts with name {name!r}, type 'string', fieldType "
            "'text', groupName 'contactinformation', hasUniqueValue true. Uniqueness can only be chosen at creation."
        )
        if known is None:
            return _error(subject, "missing: it holds our id, so that no contact is made twice", create)
        if known.get("hasUniqueValue") is not True:
            return _error(subject, "its values are not unique", f"Archive it under another name. {create}")
        return _ok(subject, "there, with unique values")

    async def _people(self) -> AsyncIterator[Finding]:
        people = self._account.people
        if not people or not any(each.type is FieldType.OWNER and each.writable for each in self._mapped):
            return
        await self._owners.ensure(emails=people)
        missing = [each for each in people if each.strip().lower() not in self._owners.ids]
        if missing:
            yield _error(
                "[assignment]",
                f"no active HubSpot user has the e-mail address {', '.join(missing)}; contacts of theirs are "
                "not written",
                "Invite them to HubSpot with that address, or set read_only = true for the owner's `ma` field.",
            )
        else:
            yield _ok("[assignment]", f"all {len(people)} people are HubSpot users")

    async def _subscriptions(self) -> AsyncIterator[Finding]:
        wanted = {f"contact.propertyChange {each.vendor_name}" for each in self._mapped}
        events = ("creation", "deletion", "merge", "privacyDeletion", "restore")
        wanted |= {f"contact.{each}" for each in events}
        if self._of_companies:
            wanted |= {f"company.propertyChange {each.vendor_name}" for each in self._of_companies}
            of_companies = ("creation", "deletion", "merge", "restore")
            wanted |= {"contact.associationChange", *(f"company.{each}" for each in of_companies)}
        if self._account.developer_key is None:
            yield Finding(
                Severity.WARNING,
                "webhook subscriptions",
                "HubSpot lets nobody read a private app's subscriptions",
                _subscriptions_to_make(wanted),
            )
            return
        path = f"/webhooks/v3/{self._account.app_id}/subscriptions"
        answer = await self._client.get_as_developer(path, self._account.developer_key)
        there = {_subscribed(each): each.get("active") is True for each in answer.parts("results")}
        for each in sorted(wanted):
            subject = f"subscription {each}"
            if there.get(each):
                yield _ok(subject, "active")
            else:
                detail = "paused" if each in there else "missing"
                mend = "Add it in the app's webhook settings and set it active: a new one is paused."
                yield Finding(Severity.WARNING, subject, detail, mend)

    def _quota(self) -> Finding:
        limits = self._client.limits
        if limits is None or limits.daily is None or limits.daily_remaining is None:
            return _ok("daily quota", "HubSpot tells no daily limit for this app")
        detail = f"{limits.daily_remaining:,} of {limits.daily:,} requests left today"
        if limits.daily_remaining < LOW_QUOTA * limits.daily:
            mend = "Find what else uses the app's quota, or add HubSpot's API limit increase."
            return Finding(Severity.WARNING, "daily quota", detail, mend)
        return _ok("daily quota", detail)


def _property(mapped: MappedField, known: Mapping[str, Any] | None, of: str = CONTACT) -> Finding:
    subject = f"{of} property {mapped.vendor_name} ({mapped.name})"
    if known is None:
        mend = f"Create it in HubSpot, or correct the field map's entry for {mapped.name}."
        return _error(subject, "HubSpot has no such property", mend)
    kind = str(known.get("type"))
    if kind not in (_FITTING[FieldType.INSTANT] if mapped.form.as_instant else _FITTING[mapped.type]):
        mend = f"Map {mapped.name} to another property, or give it another type."
        return _error(subject, f"its type is {kind}, which holds no {mapped.type}", mend)
    metadata = known.get("modificationMetadata")
    locked = isinstance(metadata, dict) and cast("Mapping[str, Any]", metadata).get("readOnlyValue") is True
    if mapped.writable and (locked or known.get("calculated") is True):
        return _error(
            subject,
            "HubSpot does not let its value be written",
            "Say read_only = true in its `ma` table in [[fields]].",
        )
    return _ok(subject, f"there, {kind}")


def _subscriptions_to_make(wanted: Collection[str]) -> str:
    events = sorted(each for each in wanted if " " not in each)
    told = f"See that the app's settings subscribe, active, to: {', '.join(events)}"
    for of in (CONTACT, COMPANY):
        event = f"{of}.propertyChange"
        changes = sorted(each.partition(" ")[2] for each in wanted if each.startswith(f"{event} "))
        if changes:
            told += f", and {event} of: {', '.join(changes)}"
    return told


def _subscribed(row: Mapping[str, Any]) -> str:
    event, about = str(row.get("eventType")), row.get("propertyName")
    known = BY_TYPE_ID.get(str(row.get("objectTypeId")))
    if event.startswith("object.") and known is not None:
        event = f"{known.name}.{event.partition('.')[2]}"
    return f"{event} {about}" if about else event


def _ok(subject: str, detail: str) -> Finding:
    return Finding(Severity.OK, subject, detail)


def _error(subject: str, detail: str, mend: str) -> Finding:
    return Finding(Severity.ERROR, subject, detail, mend)
