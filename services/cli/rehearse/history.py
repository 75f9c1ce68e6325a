"""Rows of CSV files as a history: what marketing's and sales' people did, in the order of their times."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from services.cli.rehearse.bad_value import BadValue
from services.cli.rehearse.cell_values import Reading, Value, value_of, whole
from services.cli.rehearse.column_map import ColumnMap, DealsMap, Step
from services.cli.rehearse.csv_rows import BadRow, Row
from services.cli.rehearse.moments import instant
from services.cli.rehearse.template import filled
from services.sync.domain.field_map import FieldType, MappedField
from services.sync.domain.records import Scalar
from services.sync.domain.rules import Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMade:
    """
    Marketing gets to know a person at `at` (epoch ms).

    `fields` are canonical names with the texts that are typed in, `values` the same as tasuki holds them.
    """

    at: int
    lead: str
    fields: Mapping[str, str]
    counters: Mapping[str, int]
    row: Row
    values: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSet:
    """Sales sets the stage that means `milestone` at `at`; `fields` of the opportunity go with it."""

    at: int
    lead: str
    milestone: Milestone
    fields: Mapping[str, str]
    row: Row


Deed: TypeAlias = PersonMade | StageSet


@dataclass(slots=True)
class History:
    """What is to be played, in the order of time, and the rows that were kept aside."""

    deeds: list[Deed] = field(default_factory=list[Deed])
    bad: list[BadRow] = field(default_factory=list[BadRow])


@dataclass(frozen=True, slots=True)
class Fields:
    """Which fields a person and an opportunity can have."""

    lead: Mapping[str, MappedField]
    deal: Mapping[str, MappedField]


class _BadCell(Exception):
    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column


def make_history(
    leads: Sequence[Row],
    deals: Sequence[Row],
    column_map: ColumnMap,
    fields: Fields,
    *,
    bad: Iterable[BadRow] = (),
) -> History:
    """Return the history that the rows tell; a row that doesn't fit the map is kept aside with its place."""
    history = History(bad=list(bad))
    people = _People(column_map, fields)
    for place, row in enumerate(leads):
        try:
            history.deeds.append(people.person(row, place))
        except _BadCell as error:
            history.bad.append(kept_aside(row, error.column, str(error)))
    if column_map.deals is not None:
        worked = _Deals(column_map, column_map.deals, fields, people.made)
        for row in deals:
            try:
                history.deeds += worked.steps(row)
            except _BadCell as error:
                history.bad.append(kept_aside(row, error.column, str(error)))
    history.deeds = _in_order(history.deeds)
    return history


def kept_aside(row: Row, column: str | None, problem: str) -> BadRow:
    """Return *row* as one that can't be used."""
    return BadRow(row.file, row.line, column, problem, tuple(row.cells.values()))


def _in_order(deeds: Sequence[Deed]) -> list[Deed]:
    """
    Return *deeds* by time, but each person before its deals.

    Files tell days, or were typed in later: a deal may be dated before its lead.
    """
    first: dict[str, int] = {}
    for deed in deeds:
        if isinstance(deed, StageSet):
            first[deed.lead] = min(deed.at, first.get(deed.lead, deed.at))

    def place(deed: Deed) -> tuple[int, bool, str]:
        if isinstance(deed, StageSet):
            return deed.at, True, deed.lead
        return min(deed.at, first.get(deed.lead, deed.at)), False, deed.lead

    return sorted(deeds, key=place)


class _People:
    """Rows of the leads' file, as people; `made` holds when each was made."""

    def __init__(self, column_map: ColumnMap, fields: Fields) -> None:
        self._map = column_map
        self._fields = fields.lead
        self._reading = Reading(column_map.time_zone, column_map.leads.at_format, column_map.currency)
        self._emails: dict[str, int] = {}
        self._lines: dict[str, int] = {}
        self.made: dict[str, int] = {}

    def person(self, row: Row, place: int) -> PersonMade:
        """Return the person of *row*, the one at *place* of the file. Raises _BadCell."""
        leads = self._map.leads
        lead = _cell(leads.id, row, self._map)
        if not lead:
            raise _BadCell(leads.id, "is empty, so the lead can't be told from others")
        values = _values(leads.fields, self._fields, row, self._map, self._reading)
        email = values["email"].typed if "email" in values else ""
        if not email:
            raise _BadCell(leads.fields["email"], "is empty; tasuki knows people by their e-mail address")
        for column, known, key in (
            (leads.id, self._lines, lead),
            (leads.fields["email"], self._emails, email),
        ):
            if key in known:
                raise _BadCell(column, f"{key!r} stands in line {known[key]} already")
        at = _time(leads.at, row, self._map, self._reading) + place * _ms(leads.every)
        counters = {name: self._count(amount, row) for name, amount in leads.behaviour.items()}
        self._lines[lead] = self._emails[email] = row.line
        self.made[lead] = at
        return PersonMade(
            at=at,
            lead=lead,
            fields={name: value.typed for name, value in values.items()},
            counters={name: count for name, count in counters.items() if count},
            values={name: value.canonical for name, value in values.items()},
            row=row,
        )

    def _count(self, amount: int | str, row: Row) -> int:
        if isinstance(amount, int):
            return amount
        text = _cell(amount, row, self._map)
        try:
            return whole(text) if text else 0
        except BadValue as error:
            raise _BadCell(amount, str(error)) from error


class _Deals:
    """Rows of the deals' file, as what sales did with the leads in *made* (lead → when it was made)."""

    def __init__(
        self, column_map: ColumnMap, deals: DealsMap, fields: Fields, made: Mapping[str, int]
    ) -> None:
        self._map = column_map
        self._deals = deals
        self._fields = fields.deal
        self._made = made
        self._reading = Reading(column_map.time_zone, deals.at_format, column_map.currency)
        self._judged: dict[str, int] = {}

    def steps(self, row: Row) -> list[StageSet]:
        """Return the steps that *row* got to, in the order of time. Raises _BadCell."""
        lead = _cell(self._deals.lead, row, self._map)
        if lead not in self._made:
            raise _BadCell(self._deals.lead, f"{lead!r} is no lead of the leads' file")
        found = [made for step in self._deals.steps if (made := self._step(step, row, lead)) is not None]
        found.sort(key=lambda each: each.at)
        judged = min(
            (each.at for each in found if each.milestone is Milestone.SQL), default=self._judged.get(lead)
        )
        if judged is not None:
            judged = self._judged[lead] = min(judged, self._judged.get(lead, judged))
        for each in found:
            if each.milestone not in _BEFORE_OPPORTUNITY and (judged is None or each.at < judged):
                when = "without" if judged is None else "before"
                raise _BadCell(self._deals.lead, f"{lead!r} got to {each.milestone.value!r} {when} 'sql'")
        return found

    def _step(self, step: Step, row: Row, lead: str) -> StageSet | None:
        for name, wanted in step.when.items():
            if row.cells[name] not in ([wanted] if isinstance(wanted, str) else wanted):
                return None
        if step.at is None:
            at = self._made[lead]
        elif not _cell(step.at, row, self._map):
            return None
        else:
            at = _time(step.at, row, self._map, self._reading)
        values = _values(step.fields, self._fields, row, self._map, self._reading)
        return StageSet(
            at=at + _ms(step.after) - _ms(step.before),
            lead=lead,
            milestone=step.milestone,
            fields={name: value.typed for name, value in values.items()},
            row=row,
        )


_BEFORE_OPPORTUNITY = frozenset({Milestone.FIRST_RESPONSE, Milestone.SQL, Milestone.RECYCLED})


def _values(
    templates: Mapping[str, str],
    known: Mapping[str, MappedField],
    row: Row,
    column_map: ColumnMap,
    reading: Reading,
) -> dict[str, Value]:
    """Return the fields of *templates* that aren't empty in *row*. Raises _BadCell."""
    values: dict[str, Value] = {}
    for name, template in templates.items():
        text = _cell(template, row, column_map)
        if not text:
            continue
        kind = known[name].type if name in known else FieldType.TEXT
        try:
            values[name] = value_of(kind, text, reading)
        except BadValue as error:
            raise _BadCell(template, str(error)) from error
    return values


def _cell(template: str, row: Row, column_map: ColumnMap) -> str:
    """Return *template* filled from *row*, nothing where that is one of the map's words for nothing."""
    text = filled(template, row.cells)
    return "" if text in column_map.empty else text


def _time(template: str, row: Row, column_map: ColumnMap, reading: Reading) -> int:
    # A fixed time stands in the map, not in the file, and so isn't in the file's format.
    forms = reading.forms if template in row.cells or "{" in template else ()
    try:
        return instant(filled(template, row.cells), forms, column_map.time_zone)
    except BadValue as error:
        raise _BadCell(template, str(error)) from error


def _ms(duration: timedelta) -> int:
    return round(duration / timedelta(milliseconds=1))
