"""Whether the companies in the two sandboxes are equal: those of one domain, by the records that stand for it."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.cli.stage.look import reader_of
from services.cli.stage.stage import Stage
from services.cli.stage.verdict import Comparison, Reader, compare_fields
from services.sync.domain.company import DOMAIN, named, rules_of
from services.sync.domain.field_map import FieldMap
from services.sync.domain.records import Kind, RecordRef, Scalar, Side
from services.sync.domain.rules import CompanyRules, Rules

OBJECTS = {Side.MA: ("hubspot", "company"), Side.SFA: ("salesforce", "Account")}
"""The system and its object that hold companies, by side."""


@dataclass(frozen=True, slots=True)
class Company:
    """A company's record as one sandbox holds it, in canonical fields; `id` is its company's, None where no domain is."""

    ref: RecordRef
    id: str | None
    fields: Mapping[str, Scalar]


def company_of(reader: Reader, side: Side, record: Mapping[str, Any], rules: CompanyRules) -> Company:
    """Return *record* of a company, as the sandbox's admin surface shows it. Companies are kept by *rules*."""
    system, of = OBJECTS[side]
    fields = reader.fields(Kind.COMPANY, side, of, record["fields"])
    return Company(RecordRef(system, of, record["id"]), named(fields.get(DOMAIN), rules), fields)


def compare_companies(
    ma: Iterable[Company],
    sfa: Iterable[Company],
    *,
    rules: Rules,
    maps: Mapping[Side, FieldMap],
    found: Comparison,
) -> None:
    """
    Add to *found* how the companies of both sides differ.

    Of several records with one domain the first by name stands for the company; one that stands on one side only is
    nothing to compare, for none is made.
    """
    sides = [_standing(each) for each in (ma, sfa)]
    fields = {side: maps[side].of(Kind.COMPANY, OBJECTS[side][1]) for side in Side}
    for company_id in sorted(sides[0].keys() & sides[1].keys()):
        here, there = (each[company_id].fields for each in sides)
        pair = (here, fields[Side.MA]), (there, fields[Side.SFA])
        compare_fields(company_id, *pair, rules_of(rules).fields, found)


async def compare_companies_of(stage: Stage, found: Comparison) -> None:
    """Add to *found* how the companies in the stage's sandboxes differ, where the stage keeps companies."""
    rules = stage.settings.rules.companies
    if rules is None:
        return
    sides = [[each async for each in _companies(stage, side, rules)] for side in (Side.MA, Side.SFA)]
    maps = {Side.MA: stage.settings.ma_fields, Side.SFA: stage.settings.sfa_fields}
    compare_companies(*sides, rules=stage.settings.rules, maps=maps, found=found)


async def _companies(stage: Stage, side: Side, rules: CompanyRules) -> AsyncIterator[Company]:
    reader, client = reader_of(stage), stage.ma if side is Side.MA else stage.sfa
    async for each in client.records(OBJECTS[side][1]):
        if not each["archived"]:
            yield company_of(reader, side, each, rules)


def _standing(companies: Iterable[Company]) -> dict[str, Company]:
    """Return of each company the record that stands for it."""
    found: dict[str, Company] = {}
    for each in sorted(companies, key=lambda company: str(company.ref)):
        if each.id is not None:
            found.setdefault(each.id, each)
    return found
