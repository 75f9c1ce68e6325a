"""The people of a scenario at work in both sandboxes: each step of theirs as an act on a vendor's desk."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.cli.stage.stage import Stage
from services.sync.adapters.sandbox.desk import Act, ActResult, Parent
from services.sync.domain.records import Kind
from tests.model.firm_hands import Find, FirmHands
from tests.model.steps import PEOPLE, Step

_OF_FIRMS = {"found", "firm", "site", "close", "reopen", "unite", "move"}
_MQL = {"num_conversion_events": "2", "document_downloads": "3", "hs_analytics_num_visits": "10"}


class Hands:
    """
    Does the steps of one scenario. What can't be done, since there is no such record, is passed over.

    Args:
        stage: The sandboxes.
        tag: Stands in each address of the scenario, and nowhere else.
    """

    def __init__(self, stage: Stage, tag: str) -> None:
        self._stage = stage
        self.tag = tag
        self.addresses = {who: [f"{who}0@{tag}.example"] for who in PEOPLE}
        self.refused: list[str] = []
        contacts: Mapping[str, Find] = {"ma": self._contact, "sfa": self._contact_in_sales}
        self._firms = FirmHands(stage, tag, self._act, contacts)
        settings = stage.settings
        self._ma = {each.name: each.vendor_name for each in settings.ma_fields.of(Kind.LEAD, "contact")}
        self._sfa = {
            of: {each.name: each.vendor_name for each in settings.sfa_fields.of(Kind.LEAD, of)}
            for of in ("Lead", "Contact")
        }

    async def play(self, steps: Sequence[Step]) -> None:
        """Do *steps* with their pauses."""
        for step in steps:
            self.do(step)
            await asyncio.sleep(step.pause_ms / 1000)

    def do(self, step: Step) -> None:
        """Do one step."""
        act, _, side = step.act.rpartition("-")
        if act in _OF_FIRMS:
            self._firms.do(step)
            return
        by_name: Mapping[str, Callable[[Step], None]] = {
            "edit-both": self._edit_both,
            "qualify": lambda step: self._set_ma(step.who, _MQL),
            "stage": lambda step: self._set_sfa(step.who, {"sfa_status": step.value}),
            "swap-ma": self._swap,
            "convert": self._convert,
        }
        if step.act in by_name:
            by_name[step.act](step)
        else:
            done: Callable[[Step, str], None] = getattr(self, f"_{act.replace('-', '_')}")
            done(step, side)

    def _create(self, step: Step, side: str) -> None:
        email = self.addresses[step.who][-1]
        if side == "ma":
            self._act(
                "ma",
                Act(act="create", object="contact", fields={"email": email, "lastname": f"{step.who}姓"}),
            )
        else:
            fields: dict[str, str | float | bool | None] = {
                "Email": email,
                "LastName": f"{step.who}姓",
                "Company": "仮社",
            }
            self._act("sfa", Act(act="create", object="Lead", fields=fields))

    def _edit(self, step: Step, side: str) -> None:
        set_there = self._set_ma if side == "ma" else self._set_sfa
        if side == "ma":
            set_there(step.who, {self._ma[step.field]: step.value})
        else:
            set_there(step.who, {step.field: step.value or None})

    def _edit_both(self, step: Step) -> None:
        self._set_ma(step.who, {self._ma[step.field]: step.value})
        self._set_sfa(step.who, {step.field: step.other or None})

    def _opt_out(self, step: Step, side: str) -> None:
        self._consent(step, side, out=True)

    def _opt_in(self, step: Step, side: str) -> None:
        self._consent(step, side, out=False)

    def _consent(self, step: Step, side: str, *, out: bool) -> None:
        if side == "ma":
            self._set_ma(step.who, {"hs_email_optout": out})
        else:
            self._set_sfa(step.who, {"opted_out": out})

    def _owner(self, step: Step, side: str) -> None:
        if side == "ma":
            ids = {each.email: each.id for each in self._stage.hubspot.state.settings.owners}
            self._set_ma(step.who, {"hubspot_owner_id": ids[step.value]})
        else:
            (user,) = self._stage.salesforce.state.tables["User"].live("Email", step.value)
            self._set_sfa(step.who, {"owner": user["Id"]})

    def _address(self, step: Step, side: str) -> None:
        new = f"{step.who}{len(self.addresses[step.who])}@{self.tag}.example"
        email = new if step.value == "new" else self.addresses[step.value[-1]][0]
        found = self._contact(step.who) if side == "ma" else self._person(step.who)
        if email not in self.addresses[step.who]:
            self.addresses[step.who].append(email)
        if found is None:
            return
        if side == "ma":
            self._act("ma", Act(act="update", object="contact", id=str(found), fields={"email": email}))
        else:
            self._act("sfa", Act(act="update", object=found[0], id=found[1], fields={"Email": email}))

    def _swap(self, step: Step) -> None:
        """The two people exchange their addresses in marketing, over a third."""
        one, other = (self._contact(who) for who in PEOPLE)
        if one is None or other is None or one == other:
            return
        row, row2 = (self._stage.hubspot.state.store.rows["contact"][each] for each in (one, other))
        email, email2 = row.values.get("email", ""), row2.values.get("email", "")
        for row_id, address in ((one, f"t-{step.who}@{self.tag}.example"), (other, email), (one, email2)):
            self._act("ma", Act(act="update", object="contact", id=row_id, fields={"email": address}))

    def _delete(self, step: Step, side: str) -> None:
        self._on(step, side, "delete")

    def _restore(self, step: Step, side: str) -> None:
        if side == "ma":
            row_id = self._contact(step.who, archived=True)
            if row_id is not None:
                self._act("ma", Act(act="restore", object="contact", id=row_id))
        elif (found := self._person(step.who, deleted=True)) is not None:
            self._act("sfa", Act(act="undelete", object=found[0], id=found[1]))

    def _on(self, step: Step, side: str, act: str) -> None:
        if side == "ma":
            if (row_id := self._contact(step.who)) is not None:
                self._act("ma", Act(act=act, object="contact", id=row_id))
        elif (found := self._person(step.who)) is not None:
            self._act("sfa", Act(act=act, object=found[0], id=found[1]))

    def _merge(self, step: Step, side: str) -> None:
        """Merge the other person into this one."""
        whom = PEOPLE.replace(step.who, "")
        if side == "ma":
            one, other = self._contact(step.who), self._contact(whom)
            if one is not None and other is not None and one != other:
                parent = Parent(object="contact", id=other)
                self._act("ma", Act(act="merge", object="contact", id=one, other=parent))
            return
        here, there = self._person(step.who), self._person(whom)
        if here is not None and there is not None and here != there and here[0] == there[0]:
            parent = Parent(object=there[0], id=there[1])
            self._act("sfa", Act(act="merge", object=here[0], id=here[1], other=parent))

    def _convert(self, step: Step) -> None:
        found = self._person(step.who)
        if found is not None and found[0] == "Lead":
            self._act("sfa", Act(act="convert", object="Lead", id=found[1]))

    def _set_ma(self, who: str, fields: Mapping[str, Any]) -> None:
        if (row_id := self._contact(who)) is not None:
            self._act("ma", Act(act="update", object="contact", id=row_id, fields=dict(fields)))

    def _set_sfa(self, who: str, fields: Mapping[str, Any]) -> None:
        """Set *fields*, by their canonical names, as far as the record has them."""
        if (found := self._person(who)) is None:
            return
        names = self._sfa[found[0]]
        values = {names[name]: value for name, value in fields.items() if name in names}
        if values:
            self._act("sfa", Act(act="update", object=found[0], id=found[1], fields=values))

    def _act(self, side: str, act: Act) -> ActResult:
        desk = self._stage.hubspot.desk if side == "ma" else self._stage.salesforce.desk
        done = desk.act(act)
        if done.error is not None:
            self.refused.append(f"{act.act} {act.object}: {done.error}")
        return done

    def _contact(self, who: str, *, archived: bool = False) -> str | None:
        """Return the id of marketing's latest contact with one of the person's addresses."""
        wanted = set(self.addresses[who])
        rows = self._stage.hubspot.state.store.rows["contact"].values()
        found = [each.id for each in rows if each.archived is archived and each.values.get("email") in wanted]
        return found[-1] if found else None

    def _contact_in_sales(self, who: str) -> str | None:
        """Return the id of the person's record in sales if it is a contact."""
        found = self._person(who)
        return found[1] if found is not None and found[0] == "Contact" else None

    def _person(self, who: str, *, deleted: bool = False) -> tuple[str, str] | None:
        """Return object and id of sales' latest record with one of the person's addresses, a contact first."""
        tables = self._stage.salesforce.state.tables
        for of in ("Contact", "Lead"):
            rows = [
                row
                for email in self.addresses[who]
                for row in tables[of].find("Email", email)
                if row["IsDeleted"] is deleted and not row.get("IsConverted")
            ]
            if rows:
                return of, str(rows[-1]["Id"])
        return None
