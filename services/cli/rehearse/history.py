"""Rows of CSV files as a history: what marketing's and sales' people did, in the order of their times."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.cli.rehearse.column_map import ColumnMap, Step
from services.cli.rehearse.csv_rows import BadRow, Row
from services.sync.domain.rules import Milestone

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BRACES = re.compile(r"\{([^{}:]+)(?::\.(\d+))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMade:
    """Marketing gets to know a person at `at` (epoch ms); `fields` and `counters` are canonical."""

    at: int
    lead: str
    fields: Mapping[str, str]
    counters: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSet:
    """Sales sets the stage that means `milestone` at `at`; `fields` of the opportunity go with it."""

    at: int
    lead: str
    milestone: Milestone
    fields: Mapping[str, str]


@dataclass(slots=True)
class History:
    """What is to be played, in the order of time, and the rows that were kept aside."""

    deeds: list[PersonMade | StageSet] = field(default_factory=list["PersonMade | StageSet"])
    bad: list[BadRow] = field(default_factory=list[BadRow])


class _BadCell(Exception):
    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column


def make_history(
    leads: Sequence[Row], deals: Sequence[Row], column_map: ColumnMap, *, bad: Iterable[BadRow] = ()
) -> History:
    """Return the history that the rows tell; a row that doesn't fit the map is kept aside with its place."""
    history = History(bad=list(bad))
    known: set[str] = set()
    for row in leads:
        try:
            person = _person(row, column_map)
            if person.lead in known:
                raise _BadCell(column_map.leads.id, f"{person.lead!r} stands in an earlier row already")
        except _BadCell as error:
            history.bad.append(_kept_aside(row, error))
        else:
            known.add(person.lead)
            history.deeds.append(person)
    for row in deals:
        try:
            history.deeds += _deal(row, column_map, known)
        except _BadCell as error:
            history.bad.append(_kept_aside(row, error))
    history.deeds = _in_order(history.deeds)
    return history


def _in_order(deeds: Sequence[PersonMade | StageSet]) -> list[PersonMade | StageSet]:
    """
    Return *deeds* by time, but each person before its deals.

    Files tell days, or were typed in later: a deal may be dated before its lead.
    """
    first: dict[str, int] = {}
    for deed in deeds:
        if isinstance(deed, StageSet):
            first[deed.lead] = min(deed.at, first.get(deed.lead, deed.at))

    def place(deed: PersonMade | StageSet) -> tuple[int, bool, str]:
        if isinstance(deed, StageSet):
            return deed.at, True, deed.lead
        return min(deed.at, first.get(deed.lead, deed.at)), False, deed.lead

    return sorted(deeds, key=place)


def _kept_aside(row: Row, error: _BadCell) -> BadRow:
    return BadRow(row.file, row.line, error.column, str(error), tuple(row.cells.values()))


def _person(row: Row, column_map: ColumnMap) -> PersonMade:
    leads = column_map.leads
    lead = _filled(leads.id, row)
    if not lead:
        raise _BadCell(leads.id, "is empty, so the lead can't be told from others")
    fields = {name: _filled(template, row) for name, template in leads.fields.items()}
    return PersonMade(
        at=_instant(leads.at, leads.at_format, row, column_map.time_zone),
        lead=lead,
        fields={name: value for name, value in fields.items() if value},
        counters=leads.behaviour,
    )


def _deal(row: Row, column_map: ColumnMap, known: set[str]) -> list[StageSet]:
    deals = column_map.deals
    if deals is None:
        return []
    lead = _filled(deals.lead, row)
    if lead not in known:
        raise _BadCell(deals.lead, f"{lead!r} is no lead of the leads' file")
    return [
        StageSet(
            at=_instant(step.at, deals.at_format, row, column_map.time_zone) + _shift(step),
            lead=lead,
            milestone=step.milestone,
            fields={
                name: value for name, template in step.fields.items() if (value := _filled(template, row))
            },
        )
        for step in deals.steps
        if all(row.cells.get(name) == value for name, value in step.when.items())
    ]


def _shift(step: Step) -> int:
    return round((step.after - step.before) / timedelta(milliseconds=1))


def _filled(template: str, row: Row) -> str:
    """Return *template* filled from *row*; a bare column name stands for its cell."""
    if template in row.cells:
        return row.cells[template]

    def cell(match: re.Match[str]) -> str:
        name, most = match.group(1), match.group(2)
        if name not in row.cells:
            raise _BadCell(name, f"is no column of {row.file}; it has {', '.join(row.cells)}")
        return row.cells[name][: int(most)] if most else row.cells[name]

    return _BRACES.sub(cell, template)


def _instant(template: str, form: str | None, row: Row, zone: str) -> int:
    text = _filled(template, row)
    try:
        moment = datetime.strptime(text, form) if form else _iso(text)  # noqa: DTZ007 (the zone follows)
    except ValueError as error:
        shape = form or "2026-11-22 or 2026-11-22 09:30:00"
        raise _BadCell(template, f"{text!r} is no time of the form {shape}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return round((moment - _EPOCH) / timedelta(milliseconds=1))


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text.strip().replace("/", "-"))
