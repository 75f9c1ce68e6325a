"""
Writes: each finds its record, goes out in batches, and is tried again where the vendor shows another way.

A write is *aimed* at a record (update) or at our external id (upsert). What an error shows can move the aim:
a converted or merged record's successor, a record that took the external id first, a duplicate that the
vendor's rule found. An aim moves a few times only; then the error stands.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.sync.adapters.salesforce import soql
from services.sync.adapters.salesforce.account import SalesforceAccount, object_of
from services.sync.adapters.salesforce.client import SalesforceClient, SaveResult
from services.sync.adapters.salesforce.errors import MOVED_CODES, TAKEN_CODES, CallRefused, RecordError
from services.sync.adapters.salesforce.events import SYSTEM
from services.sync.adapters.salesforce.finding import Finder, Person, Wanted
from services.sync.adapters.salesforce.mapping import FieldMapping
from services.sync.adapters.salesforce.moves import whereabouts
from services.sync.adapters.salesforce.task_status import TaskStatus
from services.sync.adapters.salesforce.users import Users
from services.sync.application.ports import BatchRefused
from services.sync.domain.field_map import FieldType
from services.sync.domain.lead import OWN_ID
from services.sync.domain.records import (
    Confirmed,
    Deferred,
    Kind,
    RecordRef,
    Refused,
    Write,
    WriteResult,
)
from services.sync.domain.tasks import COMPLETED

MAX_AIMS = 4
_OBJECTS: Mapping[Kind, str] = {Kind.LEAD: "Lead", Kind.OPPORTUNITY: "Opportunity", Kind.ACTIVITY: "Task"}
_PERSONS = frozenset({"Lead", "Contact"})
_DUPLICATES = "DUPLICATES_DETECTED"


@dataclass(slots=True)
class _Aim:
    """A write under way. `id` None: upsert by external id. `contact` is an opportunity's, for its creation."""

    place: int
    write: Write
    sobject: str
    id: str | None = None
    parent: RecordRef | None = None
    mark: bool = False
    account: str | None = None
    tries: int = 0
    result: WriteResult | None = None
    body: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def key(self) -> tuple[str, str]:
        """What two records of one call must not share."""
        return (self.sobject, self.id[:15]) if self.id else (self.sobject, self.write.external_id)

    @property
    def lane(self) -> tuple[str, bool]:
        """Aims of one lane travel in one call."""
        return self.sobject, self.id is None


class Writer:
    """Writes to one organisation."""

    def __init__(
        self,
        client: SalesforceClient,
        users: Users,
        mapping: FieldMapping,
        account: SalesforceAccount,
        status: TaskStatus,
    ) -> None:
        self._client = client
        self._users = users
        self._mapping = mapping
        self._account = account
        self._finder = Finder(client, account)
        self._status = status

    async def write(self, writes: Sequence[Write]) -> list[WriteResult]:
        """Return what became of each of *writes*, in order. Raises BatchRefused and the port's errors."""
        try:
            return await self._write(writes)
        except CallRefused as error:
            raise BatchRefused(code=error.code, detail=error.detail) from error

    async def _write(self, writes: Sequence[Write]) -> list[WriteResult]:
        aims = [_first_aim(place, each) for place, each in enumerate(writes)]
        await self._find_persons([each for each in aims if each.sobject in _PERSONS and each.id is None])
        await self._find_parents([each for each in aims if each.sobject == "Opportunity" and each.id is None])
        user_ids = await self._users.ids(self._owners(writes))
        closed = await self._status.closed() if any(_completes(each) for each in writes) else ""
        while True:
            self._prepare((each for each in aims if each.result is None), user_ids, closed)
            turn = list(_turn(each for each in aims if each.result is None))
            if not turn:
                return [each.result or Deferred(code="UNTRIED", detail="") for each in aims]
            for lane in sorted({each.lane for each in turn}):
                await self._send([each for each in turn if each.lane == lane])

    def _owners(self, writes: Iterable[Write]) -> Iterator[str]:
        for write in writes:
            for mapped in self._mapping.written(write.kind, None):
                value = write.fields.get(mapped.name)
                if mapped.type is FieldType.OWNER and isinstance(value, str) and value:
                    yield value

    async def _find_persons(self, aims: Sequence[_Aim]) -> None:
        wanted = [Wanted(each.write.external_id, each.write.match_email) for each in aims]
        for aim, person in zip(aims, await self._finder.persons(wanted), strict=True):
            if person is not None:
                _link(aim, person)

    async def _find_parents(self, aims: Sequence[_Aim]) -> None:
        """Learn the contact by now, and its account, so that a new opportunity stands where sales looks for it."""
        now = await whereabouts(self._client, [each.parent for each in aims if each.parent])
        for each in aims:
            each.parent = (now[each.parent] or each.parent) if each.parent else None
        new = [each for each in aims if each.parent and each.parent.object == "Contact"]
        accounts: dict[str, str] = {}
        for chunk in soql.lists(each.parent.id for each in new if each.parent):
            for row in await self._client.query(
                soql.select(("Id", "AccountId"), "Contact", f"Id IN {chunk}")
            ):
                accounts[row["Id"][:15]] = row["AccountId"]
        for each in new:
            each.account = accounts.get(each.parent.id[:15]) if each.parent else None

    def _prepare(self, aims: Iterable[_Aim], user_ids: Mapping[str, str], closed: str) -> None:
        for aim in aims:
            values, failed = self._mapping.vendor(aim.write.kind, aim.sobject, aim.write.fields, user_ids)
            if failed:
                detail = "; ".join(str(error) for error in failed)
                names = tuple(error.name for error in failed)
                aim.result = Refused(code="UNMAPPABLE", detail=detail, fields=names, unsent=True)
                continue
            if _completes(aim.write):
                values["Status"] = closed
            aim.body = self._body(aim, values)
            if aim.id is not None and aim.body.keys() == {"id"}:
                # Nothing of this write has a place on the record: there is nothing to send.
                aim.result = Confirmed(ref=RecordRef(SYSTEM, aim.sobject, aim.id))

    def _body(self, aim: _Aim, values: dict[str, object]) -> dict[str, object]:
        if aim.sobject in _PERSONS:
            self._fill(aim, values)
        if aim.id is not None:
            marked = {self._account.external_id_field: aim.write.external_id} if aim.mark else {}
            return {**values, **marked, "id": aim.id}
        values[self._account.external_id_field] = aim.write.external_id
        if aim.sobject == "Opportunity" and aim.parent and aim.parent.object == "Contact":
            values["ContactId"] = aim.parent.id
            if aim.account:
                values.setdefault("AccountId", aim.account)
        if aim.sobject == "Task" and aim.parent:
            place = "WhoId" if aim.parent.object in _PERSONS else "WhatId"
            values[place] = aim.parent.id
        return values

    def _fill(self, aim: _Aim, values: dict[str, object]) -> None:
        """
        Put a sign for "unknown" where Salesforce requires a value: a person's last name, a lead's company.

        Source: https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/
        sforce_api_objects_lead.htm
        """
        required = {"LastName": self._account.missing_last_name}
        if aim.sobject == "Lead":
            required["Company"] = self._account.missing_company
        for name, sign in required.items():
            if (name in values or aim.id is None) and not values.get(name):
                values[name] = sign

    async def _send(self, aims: Sequence[_Aim]) -> None:
        sobject, new = aims[0].lane
        bodies = [each.body for each in aims]
        if new and sobject not in _PERSONS:
            # Made once, then sales' own: repeating an upsert would undo what a rep has done to it since.
            results = await self._client.create(sobject, bodies)
        elif new:
            results = await self._client.upsert(sobject, self._account.external_id_field, bodies)
        else:
            results = await self._client.update(sobject, bodies)
        failed: list[tuple[_Aim, Sequence[RecordError]]] = []
        for aim, result in zip(aims, results, strict=True):
            aim.tries += 1
            if result.errors:
                failed.append((aim, result.errors))
            else:
                aim.result = _confirmed(aim, result)
        for aim, errors in failed:
            if aim.tries >= MAX_AIMS or not await self._move(aim, errors[0]):
                aim.result = self._ended(aim, errors)

    def _ended(self, aim: _Aim, errors: Sequence[RecordError]) -> WriteResult:
        """Return what *errors* mean for the write; the fields they name are told by our names."""
        result = errors[0].result()
        if isinstance(result, Deferred):
            return result
        names = {each.vendor_name: each.name for each in self._mapping.written(aim.write.kind, aim.sobject)}
        names[self._account.external_id_field] = OWN_ID
        named = (names[field] for error in errors for field in error.fields if field in names)
        return replace(result, fields=tuple(dict.fromkeys(named)))

    async def _move(self, aim: _Aim, error: RecordError) -> bool:
        """Aim at what *error* points to; return False when it points nowhere, so that it stands."""
        if error.code in MOVED_CODES:
            if _completes(aim.write):
                aim.result = Confirmed(ref=RecordRef(SYSTEM, aim.sobject, aim.id or ""))
                return True  # who deleted the task is done with it
            return await self._follow(aim)
        if error.code in TAKEN_CODES and aim.id is None:
            return await self._find_by_external_id(aim)
        if error.code == _DUPLICATES and aim.sobject in _PERSONS and aim.id is None:
            return await self._find_duplicate(aim, error)
        return False

    async def _follow(self, aim: _Aim) -> bool:
        """Follow a conversion or merge, of the record itself or of the person that a task hangs on."""
        if aim.id is None and aim.sobject in _PERSONS:
            return await self._find_by_external_id(aim)
        ref = aim.parent if aim.id is None else RecordRef(SYSTEM, aim.sobject, aim.id)
        if ref is None:
            return False
        now = (await whereabouts(self._client, [ref]))[ref]
        if now is None or now == ref:
            return False
        if aim.id is None:
            aim.parent = now
        else:
            aim.sobject, aim.id, aim.mark = now.object, now.id, False
        return True

    async def _find_by_external_id(self, aim: _Aim) -> bool:
        if aim.sobject in _PERSONS:
            person = (await self._finder.persons([Wanted(aim.write.external_id, None)]))[0]
            return person is not None and _link(aim, person)
        where = f"{self._account.external_id_field} = {soql.text(aim.write.external_id)}"
        rows = await self._client.query(
            soql.select(("Id",), aim.sobject, where, "ORDER BY CreatedDate, Id LIMIT 1")
        )
        if rows:  # an earlier attempt made it, and it is as it should be
            aim.result = Confirmed(ref=RecordRef(SYSTEM, aim.sobject, rows[0]["Id"]))
        return bool(rows)

    async def _find_duplicate(self, aim: _Aim, error: RecordError) -> bool:
        """Aim at the one record that the duplicate rule matched, or that has the e-mail address."""
        matches = [each for each in error.matches if object_of(each) in _PERSONS]
        if len(matches) == 1:
            aim.sobject, aim.id = object_of(matches[0]) or aim.sobject, matches[0]
            return True
        if matches or not aim.write.match_email:
            return False
        persons = await self._finder.all(aim.write.match_email)
        if len(persons) != 1:
            return False
        aim.sobject, aim.id = persons[0].object, persons[0].id
        return True


def _completes(write: Write) -> bool:
    return write.kind is Kind.ACTIVITY and write.ref is not None and write.fields.get("status") == COMPLETED


def _first_aim(place: int, write: Write) -> _Aim:
    if write.ref is not None:
        return _Aim(place, write, write.ref.object, id=write.ref.id, mark=OWN_ID in write.fields)
    if write.kind not in _OBJECTS:
        unknown = Refused(code="UNSUPPORTED", detail=f"a {write.kind} is not created in Salesforce")
        return _Aim(place, write, "", result=unknown)
    return _Aim(place, write, _OBJECTS[write.kind], parent=write.parent)


def _link(aim: _Aim, person: Person) -> bool:
    """Aim at *person*; our id is put on it unless it carries one already."""
    aim.sobject, aim.id, aim.mark = person.ref.object, person.ref.id, not person.external_id
    return True


def _turn(aims: Iterable[_Aim]) -> Iterator[_Aim]:
    """Yield the aims of the next calls: one record may be named once in each."""
    seen: set[tuple[str, str]] = set()
    for aim in aims:
        if aim.key not in seen:
            seen.add(aim.key)
            yield aim


def _confirmed(aim: _Aim, result: SaveResult) -> Confirmed:
    ref = RecordRef(SYSTEM, aim.sobject, result.id or aim.id or "")
    once = aim.sobject not in _PERSONS
    return Confirmed(ref=ref, created=aim.id is None and (result.created or once))
