"""Writes companies' fields to HubSpot's companies, which are known by their ids: none is made."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.sync.adapters.forms import Unmappable, columns
from services.sync.adapters.hubspot.answers import Outcome, alone, outcomes, result_of
from services.sync.adapters.hubspot.client import ApiRefused, HubSpotClient
from services.sync.adapters.hubspot.mapping import Context, to_vendor
from services.sync.adapters.hubspot.objects import COMPANY
from services.sync.adapters.hubspot.owners import OwnerDirectory
from services.sync.application.ports import BatchRefused
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.records import Kind, Refused, Write, WriteResult

_UPDATE = "/crm/v3/objects/companies/batch/update"


class CompanyWriter:
    """Brings companies to the wanted state. Source: https://developers.hubspot.com/docs/api/crm/companies"""

    def __init__(self, client: HubSpotClient, field_map: FieldMap, owners: OwnerDirectory) -> None:
        self._client = client
        self._field_map = field_map
        self._owners = owners
        self._mapped: Mapping[str, MappedField] = {
            each.name: each for each in field_map.of(Kind.COMPANY, COMPANY)
        }
        self._names = {each.vendor_name: each.name for each in self._mapped.values()}

    async def write(self, writes: Sequence[Write]) -> list[WriteResult]:
        """Write companies, one result each, in order. Raises BatchRefused."""
        context = await self._context(writes)
        done: dict[str, Outcome] = {}
        inputs: dict[str, dict[str, Any]] = {}
        traces = [f"{each.lead_id}#{place}" for place, each in enumerate(writes)]
        for trace, each in zip(traces, writes, strict=True):
            self._plan(trace, each, context, inputs, done)
        if inputs:
            try:
                answer = await self._client.post(_UPDATE, {"inputs": list(inputs.values())})
            except ApiRefused as refused:
                if len(inputs) > 1:
                    raise BatchRefused(code=refused.category, detail=refused.message) from refused
                done.update({trace: alone(refused, self._names) for trace in inputs})
            else:
                done.update(outcomes(answer, inputs, self._names, of=COMPANY))
        return [result_of(done[each]) for each in traces]

    async def _context(self, writes: Sequence[Write]) -> Context:
        owners = [each.name for each in self._mapped.values() if each.type is FieldType.OWNER]
        emails = {str(w.fields[name]) for w in writes for name in owners if w.fields.get(name)}
        if emails:
            await self._owners.ensure(emails=emails)
        field_map = self._field_map
        return Context(field_map.currency, field_map.time_zone, self._owners.ids, self._owners.emails)

    def _plan(
        self,
        trace: str,
        write: Write,
        context: Context,
        inputs: dict[str, dict[str, Any]],
        done: dict[str, Outcome],
    ) -> None:
        """Add *write* to *inputs*; one that can't be said in HubSpot's words, or has no record, is *done*."""
        if write.ref is None:
            done[trace] = Refused(code="unsupported", detail="no company is made in HubSpot", unsent=True)
            return
        known = ((self._mapped.get(name), value) for name, value in write.fields.items())
        held, failed = columns((mapped, value) for mapped, value in known if mapped and mapped.writable)
        values: dict[str, str] = {}
        for mapped, value in held:
            try:
                values[mapped.vendor_name] = to_vendor(mapped, value, context)
            except Unmappable as error:
                failed.append(error)
        if failed:
            detail = "; ".join(f"{error.name}: {error.detail}" for error in failed)
            names = tuple(error.name for error in failed)
            done[trace] = Refused(code="unmappable", detail=detail, fields=names, unsent=True)
        else:
            inputs[trace] = {"id": write.ref.id, "objectWriteTraceId": trace, "properties": values}
