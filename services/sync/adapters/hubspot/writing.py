"""Writes leads to HubSpot's contacts: known ones by id, others found by e-mail address or made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.sync.adapters.forms import Unmappable, columns
from services.sync.adapters.hubspot.account import HubSpotAccount
from services.sync.adapters.hubspot.answers import (
    Elsewhere,
    Outcome,
    Taken,
    alone,
    outcomes,
    result_of,
)
from services.sync.adapters.hubspot.client import ApiRefused, HubSpotClient
from services.sync.adapters.hubspot.mapping import Context, to_vendor
from services.sync.adapters.hubspot.objects import CONTACT
from services.sync.adapters.hubspot.owners import OwnerDirectory
from services.sync.adapters.hubspot.seeing import properties
from services.sync.application.ports import BatchRefused
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.lead import OWN_ID
from services.sync.domain.records import Kind, Refused, Write, WriteResult

BATCH = 100
STAGE = "lifecyclestage"
_PATH = "/crm/v3/objects/contacts/batch"

Input = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Job:
    """One write on its way: its trace id, the properties to set, where to."""

    trace: str
    write: Write
    values: Mapping[str, str]


class Writer:
    """
    Brings contacts to the wanted state.

    An upsert keyed by e-mail address takes no part of a batch when another part is bad, and doesn't say which
    (https://developers.hubspot.com/docs/api/crm/contacts: "partial upserts are not supported"). So a lead
    without a known contact is first looked for by its address, which is always up to date, unlike search; what
    is found is updated by id, the rest is upserted by our own property. Each step can be repeated.
    """

    def __init__(
        self, client: HubSpotClient, account: HubSpotAccount, field_map: FieldMap, owners: OwnerDirectory
    ) -> None:
        self._client = client
        self._own = account.own_property
        self._field_map = field_map
        self._owners = owners
        self._mapped: Mapping[str, MappedField] = {
            each.name: each for each in field_map.of(Kind.LEAD, CONTACT)
        }
        self._names = {each.vendor_name: each.name for each in self._mapped.values()}
        self._names[self._own] = OWN_ID

    async def write(self, writes: Sequence[Write]) -> list[WriteResult]:
        """Write leads, one result each, in order. Source: https://developers.hubspot.com/docs/api/crm/contacts"""
        done: dict[str, Outcome] = {}
        traces = _traces(writes)
        jobs = await self._jobs(dict(zip(traces, writes, strict=True)), done)
        known = {
            each.trace: _update(each, each.write.ref.id, self._mark(each))
            for each in jobs
            if each.write.ref is not None
        }
        found = await self._by_email([each for each in jobs if each.write.ref is None])
        fresh: dict[str, Input] = {}
        for each in jobs:
            row = found.get((each.write.match_email or "").strip().lower())
            if each.write.ref is None and row is not None:
                self._link(each, row, known, done)
            elif each.write.ref is None:
                fresh[each.trace] = self._upsert(each)
        await self._send("update", known, done)
        await self._send("upsert", fresh, done)
        await self._take_over([each for each in jobs if isinstance(done.get(each.trace), Elsewhere)], done)
        await self._move_stages_back(jobs, done)
        return [result_of(done[each]) for each in traces]

    async def _jobs(self, writes: Mapping[str, Write], done: dict[str, Outcome]) -> list[_Job]:
        """Return the writes with their properties; those that can't be said in HubSpot's words are done."""
        owners = [each.name for each in self._mapped.values() if each.type is FieldType.OWNER]
        emails = {str(w.fields[name]) for w in writes.values() for name in owners if w.fields.get(name)}
        if emails:
            await self._owners.ensure(emails=emails)
        context = Context(
            self._field_map.currency, self._field_map.time_zone, self._owners.ids, self._owners.emails
        )
        jobs: list[_Job] = []
        for trace, each in writes.items():
            values, failed = self._properties(each, context)
            if failed:
                detail = "; ".join(f"{error.name}: {error.detail}" for error in failed)
                names = tuple(error.name for error in failed)
                done[trace] = Refused(code="unmappable", detail=detail, fields=names, unsent=True)
            else:
                jobs.append(_Job(trace, each, values))
        return jobs

    def _properties(self, write: Write, context: Context) -> tuple[dict[str, str], list[Unmappable]]:
        """
        Return the fields of *write* that HubSpot has and takes, and those of them that have no form there.

        Others don't exist there, or are read only.
        """
        values: dict[str, str] = {}
        known = ((self._mapped.get(name), value) for name, value in write.fields.items())
        held, failed = columns((mapped, value) for mapped, value in known if mapped and mapped.writable)
        for mapped, value in held:
            try:
                values[mapped.vendor_name] = to_vendor(mapped, value, context)
            except Unmappable as error:
                failed.append(error)
        return values, failed

    def _mark(self, job: _Job) -> Mapping[str, str]:
        return {self._own: job.write.lead_id} if OWN_ID in job.write.fields else {}

    async def _by_email(self, jobs: Sequence[_Job]) -> Mapping[str, Mapping[str, Any]]:
        """Return the contacts that have the addresses of *jobs*, by address."""
        emails = dict.fromkeys(
            each.write.match_email.strip().lower() for each in jobs if each.write.match_email
        )
        if not emails:
            return {}
        rows = await self.read([{"id": each} for each in emails], by="email")
        found: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            values = properties(row)
            several = f"{values.get('email') or ''};{values.get('hs_additional_emails') or ''}"
            found.update({each: row for each in several.lower().split(";") if each in emails})
        return found

    async def read(
        self, inputs: Sequence[Mapping[str, str]], *, by: str | None = None
    ) -> list[Mapping[str, Any]]:
        """Return the contacts that *inputs* name by id, or by the unique property *by*, with their addresses."""
        body: dict[str, Any] = {
            "inputs": list(inputs),
            "properties": [self._own, "email", "hs_additional_emails"],
            "propertiesWithHistory": [],
        }
        if by is not None:
            body["idProperty"] = by
        try:
            return (await self._client.post(f"{_PATH}/read", body)).parts("results")
        except ApiRefused as refused:
            raise BatchRefused(code=refused.category, detail=refused.message) from refused

    def _link(
        self, job: _Job, row: Mapping[str, Any], known: dict[str, Input], done: dict[str, Outcome]
    ) -> None:
        """Plan to make the contact *row* this lead's, unless it is another's."""
        owner = properties(row).get(self._own)
        if owner and owner != job.write.lead_id:
            detail = f"contact {row.get('id')} has the lead's e-mail address and belongs to lead {owner}"
            done[job.trace] = Refused(code="linked-elsewhere", detail=detail)
            return
        known[job.trace] = _update(job, str(row["id"]), {self._own: job.write.lead_id})
        if properties(row).get("email"):
            # The contact has addresses of its own, the lead's among them: which comes first is not ours to say.
            known[job.trace]["properties"].pop("email", None)

    def _upsert(self, job: _Job) -> Input:
        values = dict(job.values)
        if job.write.match_email and not values.get("email"):
            values["email"] = job.write.match_email.strip().lower()
        return {
            "id": job.write.lead_id,
            "idProperty": self._own,
            "objectWriteTraceId": job.trace,
            "properties": values,
        }

    async def _send(self, how: str, inputs: Mapping[str, Input], done: dict[str, Outcome]) -> None:
        """Send *inputs*, no id twice in a batch, and note what became of them."""
        for part in _rounds(inputs):
            try:
                answer = await self._client.post(f"{_PATH}/{how}", {"inputs": list(part.values())})
            except ApiRefused as refused:
                if len(part) > 1:
                    raise BatchRefused(code=refused.category, detail=refused.message) from refused
                done.update({trace: alone(refused, self._names) for trace in part})
            else:
                done.update(outcomes(answer, part, self._names))

    async def _take_over(self, jobs: Sequence[_Job], done: dict[str, Outcome]) -> None:
        """Write to the contacts that turned out to have the address already, as a further one or just now."""
        ids = {each.trace: outcome.id for each in jobs if isinstance(outcome := done[each.trace], Elsewhere)}
        if not ids:
            return
        rows = await self.read([{"id": each} for each in dict.fromkeys(ids.values())])
        by_id = {str(row.get("id")): row for row in rows}
        updates: dict[str, Input] = {}
        for each in jobs:
            row = by_id.get(ids[each.trace])
            if row is not None and each.write.ref is None:
                self._link(each, row, updates, done)
            elif row is not None:
                detail = f"the e-mail address belongs to contact {ids[each.trace]} as well"
                done[each.trace] = Refused(
                    code="CONFLICT", detail=detail, fields=(self._names.get("email", "email"),)
                )
        await self._send("update", updates, done)

    async def _move_stages_back(self, jobs: Sequence[_Job], done: dict[str, Outcome]) -> None:
        """
        Set the lifecycle stages that HubSpot left where they were: it moves them forward only.

        It says so nowhere in its answer; a stage must be cleared first, by a request of its own.
        """
        stuck: dict[str, tuple[_Job, str]] = {}
        for each in jobs:
            outcome = done.get(each.trace)
            if isinstance(outcome, Taken) and _stuck(each, outcome):
                stuck[each.trace] = (each, outcome.result.ref.id)
        for clear in (True, False):
            inputs = {
                trace: _update(job, row_id, {STAGE: "" if clear else job.values[STAGE]}, only=True)
                for trace, (job, row_id) in stuck.items()
            }
            again: dict[str, Outcome] = {}
            await self._send("update", inputs, again)
            for trace, outcome in again.items():
                if not isinstance(outcome, Taken):
                    done[trace] = outcome
                elif not clear and _stuck(stuck[trace][0], outcome):
                    detail = "HubSpot does not move the lifecycle stage back"
                    done[trace] = Refused(code="not-applied", detail=detail, fields=(self._names[STAGE],))


def _traces(writes: Sequence[Write]) -> list[str]:
    """Return the ids by which HubSpot's answer names the writes: ours, told apart if one occurs twice."""
    traces: dict[str, None] = {}
    for place, each in enumerate(writes):
        own = each.external_id
        traces[f"{own}#{place}" if own in traces else own] = None
    return list(traces)


def _update(job: _Job, row_id: str, extra: Mapping[str, str] | None = None, *, only: bool = False) -> Input:
    values = dict(extra or {}) if only else {**job.values, **(extra or {})}
    return {"id": row_id, "objectWriteTraceId": job.trace, "properties": values}


def _stuck(job: _Job, outcome: Taken) -> bool:
    wanted, present = job.values.get(STAGE), outcome.properties.get(STAGE)
    return bool(wanted) and STAGE in outcome.properties and present != wanted


def _rounds(inputs: Mapping[str, Input]) -> Iterable[dict[str, Input]]:
    """Yield *inputs* in batches within which no id occurs twice, which HubSpot would refuse."""
    left = dict(inputs)
    while left:
        part: dict[str, Input] = {}
        ids: set[str] = set()
        for trace, each in left.items():
            if each["id"] not in ids and len(part) < BATCH:
                part[trace] = each
                ids.add(each["id"])
        left = {trace: each for trace, each in left.items() if trace not in part}
        yield part
