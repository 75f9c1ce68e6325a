"""Turns the checked shape of the file into the domain's rules and field maps."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from services.configuration.platform import Platform, present
from services.configuration.sections import Firm
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.forms import Form
from services.sync.domain.records import Kind, Side
from services.sync.domain.rules import (
    Assignment,
    Composed,
    Condition,
    FieldRule,
    Handoffs,
    Rules,
    StageMap,
    Team,
)
from services.sync.domain.score_rules import AttributeRule, BehaviourRule, ScoreGroup, Scoring
from services.sync.settings.checks.fields import LEAD_OBJECTS, sfa_names
from services.sync.settings.checks.policies import effective_policy
from services.sync.settings.draft import Draft
from services.sync.settings.model import Settings
from services.sync.settings.rule_sections import (
    AssignmentSection,
    AttributeEntry,
    BehaviourEntry,
    FieldEntry,
    GroupEntry,
    HandoffsSection,
    MaColumn,
    OwnersSection,
    ScopeEntry,
    SfaColumn,
    TeamEntry,
)

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_REARM_PERCENT = 80


def to_settings(draft: Draft, platform: Platform) -> Settings:
    """Return the settings of a *draft* in which nothing is wrong."""
    fields = [each.value for each in draft.fields]
    return Settings(
        **{each.name: getattr(platform, each.name) for each in dataclasses.fields(Platform)},
        ma=present(draft.ma),
        sfa=present(draft.sfa),
        rules=_rules(draft, fields, platform.firm),
        ma_fields=_field_map(_ma_fields(fields, platform.firm), platform.firm),
        sfa_fields=_field_map(_sfa_fields(fields, platform.firm), platform.firm),
        sync=present(draft.sync),
    )


def _rules(draft: Draft, fields: list[FieldEntry], firm: Firm) -> Rules:
    sync = present(draft.sync)
    first, second = (Side(each) for each in sync.tie_order)
    return Rules(
        fields=MappingProxyType({rule.name: rule for rule in _field_rules(fields)}),
        scoring=_scoring(draft),
        stages=tuple(
            StageMap(
                side=Side(each.value.side),
                kind=Kind(each.value.kind),
                field=each.value.field,
                milestones=MappingProxyType(each.value.milestones),
            )
            for each in draft.stages
        ),
        assignment=_assignment(present(draft.assignment)),
        handoffs=_handoffs(present(draft.handoffs)),
        tie_order=(first, second),
        skew_ms=sync.clock_skew_ms,
        first_touch=frozenset(sync.first_touch),
        bdr_sources=frozenset(sync.bdr_sources),
        produced=MappingProxyType({side: frozenset(_produced(fields, side)) for side in Side}),
        mirror_all=sync.mirror_all,
        segments=sync.segments,
        opt_ins=MappingProxyType(sync.opt_ins),
        fight_rounds=sync.stop_fights_after,
        fight_window_ms=sync.fight_window_ms,
        scope=tuple(_condition(each.value) for each in draft.scope),
        composed=MappingProxyType(
            {
                each.name: Composed(fields=each.concatenate, separator=each.separator)
                for each in fields
                if each.concatenate
            }
        ),
        together=MappingProxyType({side: tuple(_together(fields, side)) for side in Side}),
        owners=MappingProxyType(_owners(present(draft.owners))),
        owner_default=MappingProxyType(_owner_default(present(draft.owners))),
        owner_fields=frozenset(each.name for each in fields if each.type is FieldType.OWNER),
        time_zone=firm.time_zone,
        currency=firm.currency,
        language=firm.language,
    )


def _field_rules(fields: Iterable[FieldEntry]) -> Iterator[FieldRule]:
    """Yield a rule for each lead field that both sides keep and that tasuki doesn't work out itself."""
    for each in fields:
        if each.kind == "lead" and each.ma and each.sfa and not each.is_produced:
            yield FieldRule(
                name=each.name,
                policy=effective_policy(each),
                write_ma=not each.ma.read_only,
                write_sfa=not each.sfa.read_only,
            )


def _produced(fields: Iterable[FieldEntry], side: Side) -> Iterator[str]:
    for each in fields:
        column = each.ma if side is Side.MA else each.sfa
        if each.kind == "lead" and each.is_produced and column:
            yield each.name


def _together(fields: Iterable[FieldEntry], side: Side) -> Iterator[frozenset[str]]:
    """Yield the names of the fields that *side* keeps in one place."""
    by_column: dict[str, set[str]] = {}
    for each in fields:
        column = each.ma if side is Side.MA else each.sfa
        if each.kind == "lead" and column is not None and column.part is not None and column.name:
            by_column.setdefault(column.name, set()).add(each.name)
    yield from map(frozenset, by_column.values())


def _condition(entry: ScopeEntry) -> Condition:
    return Condition(
        field=entry.field, operator=entry.operator, operands=entry.operands, negated=entry.negated
    )


def _condition_of(team: TeamEntry) -> Condition:
    return Condition(field=team.field, operator=team.operator, operands=team.operands)


def _owners(owners: OwnersSection) -> dict[Side, Mapping[str, str]]:
    """Return for each side the other's address, in lower case, to its own; empty where nothing is said."""
    if not owners.pairs and not _owner_default(owners):
        return {}
    to_ma = {each.sfa.lower(): each.ma.lower() for each in owners.pairs}
    to_sfa = {each.ma.lower(): each.sfa.lower() for each in owners.pairs}
    return {Side.MA: MappingProxyType(to_ma), Side.SFA: MappingProxyType(to_sfa)}


def _owner_default(owners: OwnersSection) -> dict[Side, str]:
    given = {Side.MA: owners.default_ma, Side.SFA: owners.default_sfa}
    return {side: address.lower() for side, address in given.items() if address is not None}


def _form(column: MaColumn | SfaColumn, firm: Firm) -> Form:
    return Form(
        same_width=column.same_width,
        phone=column.phone,
        region=firm.country,
        part=column.part,
        order=column.order,
        as_instant=column.holds == "instant",
    )


def _scoring(draft: Draft) -> Scoring:
    scoring = present(draft.scoring)
    return Scoring(
        threshold=scoring.threshold,
        read_from=scoring.field,
        behaviours=tuple(_behaviour(each.value) for each in draft.behaviours),
        attributes=tuple(_attribute(each.value) for each in draft.attributes),
        groups=tuple(_group(each.value) for each in draft.groups),
        rearm_below=max(1, scoring.threshold * _REARM_PERCENT // 100)
        if scoring.rearm_below is None
        else scoring.rearm_below,
        confirmed=scoring.confirmed,
    )


def _behaviour(rule: BehaviourEntry) -> BehaviourRule:
    return BehaviourRule(
        points=rule.points,
        label=rule.label,
        label_ja=rule.label_ja or rule.label,
        counter=rule.counter,
        activity=rule.activity,
        cap=rule.cap,
        group=rule.group,
        lapse_days=None if rule.lapse_ms is None else rule.lapse_ms // _DAY_MS,
        halving_days=None if rule.halving_ms is None else rule.halving_ms // _DAY_MS,
    )


def _group(group: GroupEntry) -> ScoreGroup:
    return ScoreGroup(
        name=group.name, cap=group.cap, label=group.label, label_ja=group.label_ja or group.label
    )


def _attribute(rule: AttributeEntry) -> AttributeRule:
    return AttributeRule(
        field=rule.field,
        operator=rule.operator,
        operands=rule.operands,
        points=rule.points,
        label=rule.label,
        label_ja=rule.label_ja or rule.label,
        group=rule.group,
    )


def _assignment(people: AssignmentSection) -> Assignment:
    absences: dict[str, list[tuple[str, str]]] = {}
    for each in people.absences:
        absences.setdefault(each.who, []).append((each.first, each.last))
    hours: dict[str, dict[int, tuple[tuple[int, int], ...]]] = {}
    for entry in people.hours:
        days = hours.setdefault(entry.who, {})
        for day in map(_WEEKDAYS.index, entry.days):
            days[day] = (*days.get(day, ()), *entry.times)
    return Assignment(
        sdr=people.sdr,
        bdr=people.bdr,
        field_sales=people.field_sales,
        teams=tuple(
            Team(job=each.job, people=each.people, when=(_condition_of(each),)) for each in people.teams
        ),
        weights=MappingProxyType(people.weights),
        absences=MappingProxyType({who: tuple(days) for who, days in absences.items()}),
        hours=MappingProxyType(hours),
        fallback=people.fallback,
        account_owner=people.account_owner,
    )


def _handoffs(handoffs: HandoffsSection) -> Handoffs:
    return Handoffs(
        task_subject=handoffs.task_subject,
        task_due_hours=handoffs.task_due_ms // _HOUR_MS,
        opportunity_name=handoffs.opportunity_name,
        opportunity_stage=handoffs.opportunity_stage,
        opportunity_close_days=handoffs.opportunity_close_ms // _DAY_MS,
    )


def _ma_fields(fields: Iterable[FieldEntry], firm: Firm) -> Iterator[tuple[Kind, MappedField]]:
    for each in fields:
        if each.ma:
            yield (
                Kind(each.kind),
                MappedField(
                    name=each.name,
                    vendor_name=each.ma.name,
                    type=each.type,
                    writable=not each.ma.read_only,
                    values=MappingProxyType(each.ma.values),
                    form=_form(each.ma, firm),
                ),
            )


def _sfa_fields(fields: Iterable[FieldEntry], firm: Firm) -> Iterator[tuple[Kind, MappedField]]:
    """Yield one mapped field for each vendor name; names that differ by object give one for each object."""
    for each in fields:
        if each.sfa is None:
            continue
        names = sfa_names(each)
        for vendor_name in dict.fromkeys(names.values()):
            objects = tuple(key for key, name in names.items() if name == vendor_name)
            everywhere = each.kind == "opportunity" or len(objects) == len(LEAD_OBJECTS)
            yield (
                Kind(each.kind),
                MappedField(
                    name=each.name,
                    vendor_name=vendor_name,
                    type=each.type,
                    objects=() if everywhere else objects,
                    writable=not each.sfa.read_only,
                    values=MappingProxyType(each.sfa.values),
                    form=_form(each.sfa, firm),
                ),
            )


def _field_map(mapped: Iterable[tuple[Kind, MappedField]], firm: Firm) -> FieldMap:
    by_kind: dict[Kind, list[MappedField]] = {}
    for kind, field in mapped:
        by_kind.setdefault(kind, []).append(field)
    frozen: Mapping[Kind, tuple[MappedField, ...]] = {kind: tuple(fields) for kind, fields in by_kind.items()}
    return FieldMap(fields=MappingProxyType(frozen), currency=firm.currency, time_zone=firm.time_zone)
