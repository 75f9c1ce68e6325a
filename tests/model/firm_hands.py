"""The people of a scenario at work on companies and accounts, each step of theirs as an act on a vendor's desk."""

from collections.abc import Callable, Mapping
from typing import Any

from services.cli.stage.companies import OBJECTS
from services.cli.stage.stage import Stage
from services.sync.adapters.sandbox.desk import Act, ActResult, Parent
from services.sync.domain.records import Kind, Side
from tests.model.steps import FIRMS, Step

Find = Callable[[str], str | None]
"""Returns the id of the contact of a person of the scenario, None where there is none."""


class FirmHands:
    """
    Does the steps on companies of one scenario. What can't be done, since there is no such record, is passed over.

    Args:
        stage: The sandboxes.
        tag: Stands in each domain and name of the scenario, and nowhere else.
        act: Does an act on a side's desk.
        contacts: Finds people's contacts, by side.
    """

    def __init__(
        self, stage: Stage, tag: str, act: Callable[[str, Act], ActResult], contacts: Mapping[str, Find]
    ) -> None:
        self._stage = stage
        self._tag = tag
        self._act = act
        self._contacts = contacts
        self._known: dict[tuple[str, str], str] = {}
        maps = {Side.MA: stage.settings.ma_fields, Side.SFA: stage.settings.sfa_fields}
        self._names = {
            side.value: {each.name: each.vendor_name for each in known.of(Kind.COMPANY, OBJECTS[side][1])}
            for side, known in maps.items()
        }
        owners = {each.email: each.id for each in stage.hubspot.state.settings.owners}
        users = stage.salesforce.state.tables["User"].rows.values()
        self._owners = {"ma": owners, "sfa": {str(each["Email"]): str(each["Id"]) for each in users}}

    def do(self, step: Step) -> None:
        """Do one step."""
        act, _, side = step.act.rpartition("-")
        if step.act == "firm-both":
            self._set("ma", step.who, step.field, step.value)
            self._set("sfa", step.who, step.field, step.other)
            return
        done: Mapping[str, Callable[[], object]] = {
            "found": lambda: self._found(step, side),
            "firm": lambda: self._set(side, step.who, step.field, step.value),
            "site": lambda: self._update(side, step.who, {"domain": self._site(step.value)}),
            "close": lambda: self._on(side, step.who, "delete"),
            "reopen": lambda: self._on(side, step.who, "restore" if side == "ma" else "undelete"),
            "unite": lambda: self._unite(step, side),
            "move": lambda: self._move(step, side),
        }
        done[act]()

    def _site(self, value: str) -> str | None:
        first, second = f"{self._tag}.example", f"q-{self._tag}.example"
        return {"of-p": first, "of-q": second, "www-p": f"https://www.{first}/jp/", "none": None}[value]

    def _found(self, step: Step, side: str) -> None:
        site = self._site(step.value)
        fields: dict[str, Any] = {"name" if side == "ma" else "Name": f"{step.who}-{self._tag}"}
        if site is not None:
            fields[self._names[side]["domain"]] = site
        made = self._act(side, Act(act="create", object=_OBJECTS[side], fields=fields))
        if made.error is None:
            self._known[side, step.who] = str(made.id)

    def _set(self, side: str, who: str, name: str, value: str) -> None:
        told: Any = value or None
        if name == "company_owner":
            told = self._owners[side][value]
        elif name == "company_size" and value and side == "sfa":
            told = int(value)
        self._update(side, who, {name: told})

    def _update(self, side: str, who: str, fields: Mapping[str, Any]) -> None:
        if (known := self._known.get((side, who))) is not None:
            values = {self._names[side][name]: value for name, value in fields.items()}
            self._act(side, Act(act="update", object=_OBJECTS[side], id=known, fields=values))

    def _on(self, side: str, who: str, act: str) -> None:
        if (known := self._known.get((side, who))) is not None:
            self._act(side, Act(act=act, object=_OBJECTS[side], id=known))

    def _unite(self, step: Step, side: str) -> None:
        """Merge the other company into this one."""
        whom = FIRMS.replace(step.who, "")
        one, other = self._known.get((side, step.who)), self._known.get((side, whom))
        if one is None or other is None or one == other:
            return
        parent = Parent(object=_OBJECTS[side], id=other)
        made = self._act(side, Act(act="merge", object=_OBJECTS[side], id=one, other=parent))
        if made.error is None:
            self._known[side, step.who] = self._known[side, whom] = str(made.id)

    def _move(self, step: Step, side: str) -> None:
        """Hang the person's contact on a company."""
        known, contact = self._known.get((side, step.value)), self._contacts[side](step.who)
        if known is None or contact is None:
            return
        if side == "ma":
            parent = Parent(object="company", id=known)
            self._act(side, Act(act="associate", object="contact", id=contact, parents=(parent,)))
        else:
            self._act(side, Act(act="update", object="Contact", id=contact, fields={"AccountId": known}))


_OBJECTS = {side.value: of for side, (_, of) in OBJECTS.items()}
