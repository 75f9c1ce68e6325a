"""The hands of marketing's and sales' people: acts in the two tools, in canonical words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.cli.demo.sight import SalesPerson
from services.sync.adapters.sandbox.admin import Act, ActResult, Desk, Parent, do_act
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.records import Kind

Value = str | int | float | bool | None


@dataclass(slots=True)
class Hands:
    """
    Does acts at once, as a user who clicks would; a refused act returns None and is remembered.

    The sandboxes run in this process, so an act and what the demo notes of it can't come apart.
    """

    ma: Desk
    sfa: Desk
    ma_fields: FieldMap
    sfa_fields: FieldMap
    refused: list[str] = field(default_factory=list[str])
    done: int = 0

    def make_contact(self, fields: Mapping[str, str]) -> str | None:
        """Marketing gets to know somebody; return the contact's id."""
        names = {each.name: each.vendor_name for each in self.ma_fields.of(Kind.LEAD)}
        given: dict[str, Value] = {names[name]: value for name, value in fields.items() if name in names}
        made = self._do(self.ma, Act(act="create", object="contact", fields=given))
        return made.id if made else None

    def change_contact(self, contact: str, fields: Mapping[str, Value]) -> bool:
        """Marketing's tool counts something, or its people edit a contact."""
        names = {each.name: each.vendor_name for each in self.ma_fields.of(Kind.LEAD)}
        given = {names[name]: value for name, value in fields.items()}
        return self._do(self.ma, Act(act="update", object="contact", id=contact, fields=given)) is not None

    def make_lead(self, fields: Mapping[str, str], rep: str | None) -> str | None:
        """A rep enters somebody; return the Lead's id."""
        given: dict[str, Value] = {
            each.vendor_name: _typed(each, fields[each.name])
            for each in self.sfa_fields.of(Kind.LEAD, "Lead")
            if each.name in fields
        }
        made = self._do(self.sfa, Act(act="create", object="Lead", fields=given, user=rep))
        return made.id if made else None

    def change_person(self, person: SalesPerson, fields: Mapping[str, Value], rep: str | None = None) -> bool:
        """A rep edits a Lead or Contact; *fields* are canonical, what the object lacks is left out."""
        names = {each.name: each.vendor_name for each in self.sfa_fields.of(Kind.LEAD, person.object)}
        given = {names[name]: value for name, value in fields.items() if name in names}
        act = Act(act="update", object=person.object, id=person.id, fields=given, user=rep)
        return self._do(self.sfa, act) is not None

    def log_call(self, person: SalesPerson, result: str, rep: str | None) -> bool:
        """A rep logs a call that was made."""
        fields: dict[str, Value] = {
            "Subject": "Call",
            "TaskSubtype": "Call",
            "CallType": "Outbound",
            "Status": "Completed",
            "CallDisposition": result,
        }
        who = (Parent(object=person.object, id=person.id),)
        return (
            self._do(self.sfa, Act(act="create", object="Task", fields=fields, parents=who, user=rep))
            is not None
        )

    def close_task(self, task: str, rep: str | None) -> bool:
        """A rep ticks a task off."""
        act = Act(act="update", object="Task", id=task, fields={"Status": "Completed"}, user=rep)
        return self._do(self.sfa, act) is not None

    def convert(self, person: SalesPerson, status: str, rep: str | None) -> str | None:
        """A rep converts a Lead into contact, account and opportunity; return the opportunity's id."""
        act = Act(act="convert", object="Lead", id=person.id, fields={"convertedStatus": status}, user=rep)
        made = self._do(self.sfa, act)
        return made.created.get("opportunity") if made else None

    def change_opportunity(self, opportunity: str, fields: Mapping[str, Value], rep: str | None) -> bool:
        """A rep moves an opportunity; *fields* are canonical, the amount in whole yen."""
        names = {each.name: each.vendor_name for each in self.sfa_fields.of(Kind.OPPORTUNITY, "Opportunity")}
        given = {names[name]: value for name, value in fields.items() if name in names}
        act = Act(act="update", object="Opportunity", id=opportunity, fields=given, user=rep)
        return self._do(self.sfa, act) is not None

    def _do(self, desk: Desk, act: Act) -> ActResult | None:
        result = do_act(desk, act)
        if result.error is not None:
            self.refused.append(f"{desk.name}: {act.act} {act.object}: {result.error}")
            return None
        self.done += 1
        return result


def _typed(mapped: MappedField, value: str) -> Value:
    return int(value) if mapped.type is FieldType.INTEGER else value
