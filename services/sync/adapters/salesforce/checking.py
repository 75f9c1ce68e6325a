"""What `check` looks at: login, fields, external ids, picklists, change streams, daily calls."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, cast

from services.errors import Retryable
from services.sync.adapters.salesforce.account import KINDS, SalesforceAccount
from services.sync.adapters.salesforce.client import Row, SalesforceClient
from services.sync.adapters.salesforce.errors import CallRefused
from services.sync.adapters.salesforce.mapping import FieldMapping
from services.sync.adapters.salesforce.reading import IDENTIFIED
from services.sync.adapters.salesforce.stream import ChangeStream
from services.sync.adapters.salesforce.users import Users
from services.sync.application.ports import Finding, Severity
from services.sync.domain.field_map import MappedField

LOW_SHARE = 0.2
"""Below this share of the daily calls left, `check` warns."""

_LIMITS: Mapping[str, str] = {
    "DailyApiRequests": "API calls",
    "DailyDeliveredPlatformEvents": "delivered change events",
}


class Checker:
    """Looks at one organisation; a step that fails is a finding, and the next step is tried all the same."""

    def __init__(
        self,
        client: SalesforceClient,
        stream: ChangeStream,
        mapping: FieldMapping,
        account: SalesforceAccount,
        users: Users,
    ) -> None:
        self._client = client
        self._stream = stream
        self._mapping = mapping
        self._account = account
        self._users = users

    async def check(self) -> list[Finding]:
        """Return all findings; never raises."""
        findings = [each async for each in self._login()]
        if any(each.severity is Severity.ERROR for each in findings):
            return findings
        companies = ("Account",) if self._mapping.keeps_companies else ()
        steps = [self._object(each) for each in (*sorted(IDENTIFIED), *companies)]
        steps += [self._channel(each) for each in self._account.channels]
        for step in (*steps, self._people(), self._quota()):
            try:
                findings += [each async for each in step]
            except (Retryable, CallRefused) as error:
                findings.append(Finding(Severity.ERROR, "Salesforce", str(error), "Mend what it names."))
        return findings

    async def _login(self) -> AsyncIterator[Finding]:
        try:
            session = await self._client.sessions.current()
            await self._client.limits()
        except (Retryable, CallRefused) as error:
            yield Finding(
                Severity.ERROR,
                "login",
                str(error),
                "Check login_url (the My Domain URL), the connected app's OAuth settings and run-as user, "
                "the secret or key, and that the user's profile has 'API Enabled'.",
            )
            return
        yield Finding(Severity.OK, "login", f"user {session.user_id} of {session.organisation_id}")
        expected = self._account.integration_user_id
        if expected is not None and expected[:15] != session.user_id[:15]:
            yield Finding(
                Severity.ERROR,
                "integration user",
                f"logged in as {session.user_id}, configured is {expected}",
                "Set integration_user_id to the user that the connected app runs as, or leave it out.",
            )

    async def _object(self, sobject: str) -> AsyncIterator[Finding]:
        try:
            described = await self._client.describe(sobject)
        except CallRefused as error:
            yield Finding(
                Severity.ERROR, sobject, str(error), "Give the integration user read and edit on the object."
            )
            return
        fields = {each["name"]: each for each in cast("list[Row]", described["fields"])}
        problems = list(self._fields(sobject, fields))
        problems += [] if sobject in ("Event", "Account") else list(self._external_id(sobject, fields))
        problems += self._picklists(sobject, fields)
        for each in problems:
            yield each
        if not problems:
            yield Finding(Severity.OK, sobject, "all mapped fields are there")

    def _fields(self, sobject: str, fields: Mapping[str, Row]) -> Iterator[Finding]:
        for mapped in self._mapping.of(KINDS[sobject], sobject):
            subject = f"{sobject}.{mapped.vendor_name}"
            described = fields.get(mapped.vendor_name)
            if described is None:
                yield Finding(
                    Severity.ERROR,
                    subject,
                    "does not exist, or the integration user may not see it",
                    "Create the field, give the user field-level read access, or take it out of the field "
                    "map (limit it to the objects that have it).",
                )
            elif mapped.writable and sobject != "Event" and not _writable(described, mapped):
                yield Finding(
                    Severity.ERROR,
                    subject,
                    "cannot be written by the integration user",
                    "Give the user field-level edit access, or say read_only = true in its `sfa` table in [[fields]].",
                )

    def _external_id(self, sobject: str, fields: Mapping[str, Row]) -> Iterator[Finding]:
        name = self._account.external_id_field
        subject = f"{sobject}.{name}"
        where = "Activity" if KINDS[sobject] is KINDS["Task"] else sobject
        mend = (
            f"Create the custom field {name} on {where}: Text(64), External ID, Unique, case-sensitive; "
            "give the integration user edit access."
        )
        described = fields.get(name)
        if described is None:
            yield Finding(Severity.ERROR, subject, "does not exist", mend)
            return
        missing = [
            each for each in ("externalId", "unique", "createable", "updateable") if not described[each]
        ]
        if missing:
            yield Finding(Severity.ERROR, subject, f"is not {', '.join(missing)}", mend)

    def _picklists(self, sobject: str, fields: Mapping[str, Row]) -> Iterator[Finding]:
        for subject, wanted in self._account.checked_values.items():
            on, _, name = subject.partition(".")
            if on != sobject:
                continue
            options = cast("list[dict[str, Any]]", fields.get(name, {}).get("picklistValues") or [])
            active = {each["value"] for each in options if each["active"]}
            missing = [each for each in wanted if each not in active]
            if missing:
                yield Finding(
                    Severity.ERROR,
                    subject,
                    f"has no active value {', '.join(map(repr, missing))}",
                    f"Add the value to the picklist, or name one of its own: {', '.join(sorted(active))}.",
                )

    async def _channel(self, channel: str) -> AsyncIterator[Finding]:
        try:
            await self._stream.reach(channel)
        except Retryable as error:
            sobject = channel.rpartition("/")[2].removesuffix("ChangeEvent")
            yield Finding(
                Severity.ERROR,
                channel,
                str(error),
                f"Under Setup, Change Data Capture, add {sobject}; the integration user needs to view all of "
                f"its records; {self._account.pubsub_endpoint} must be reachable from here.",
            )
            return
        yield Finding(Severity.OK, channel, "can be followed")

    async def _people(self) -> AsyncIterator[Finding]:
        people = self._account.people
        known = await self._users.ids(people)
        missing = [each for each in people if each.lower() not in known]
        if missing:
            yield Finding(
                Severity.ERROR,
                "[assignment]",
                f"no active user has the e-mail address {', '.join(missing)}; leads given to them stay out",
                "Put the addresses of Salesforce users into [assignment] in tasuki.toml.",
            )
        elif people:
            yield Finding(Severity.OK, "[assignment]", f"all {len(people)} people are active users")

    async def _quota(self) -> AsyncIterator[Finding]:
        limits = await self._client.limits()
        for name, words in _LIMITS.items():
            limit = limits.get(name)
            if limit is None:
                continue
            left, most = int(limit["Remaining"]), int(limit["Max"])
            low = left < most * LOW_SHARE
            yield Finding(
                Severity.WARNING if low else Severity.OK,
                words,
                f"{left} of {most} left today",
                "Raise the allocation, or give other integrations fewer calls." if low else "",
            )


def _writable(described: Row, mapped: MappedField) -> bool:
    # An opportunity's contact can be named at creation only; that is enough.
    return bool(described["updateable"] or (described["createable"] and mapped.vendor_name == "ContactId"))
