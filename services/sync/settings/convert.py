"""Turns the checked shape of the file into the domain's rules and field maps."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from services.configuration.platform import Platform, present
from services.configuration.sections import Firm
from services.sync.domain.field_map import FieldMap, MappedField
from services.sync.domain.records import Kind, Side
from services.sync.domain.rules import (
    Assignment,
    AttributeRule,
    BehaviourRule,
    FieldRule,
    Handoffs,
    Rules,
    Scoring,
    StageMap,
)
from services.sync.settings.catalogue import PRODUCED
from services.sync.settings.checks.fields import LEAD_OBJECTS, sfa_names
from services.sync.settings.checks.policies import effective_policy
from services.sync.settings.draft import Draft
from services.sync.settings.model import Settings
from services.sync.settings.rule_sections import (
    AssignmentSection,
    AttributeEntry,
    BehaviourEntry,
    FieldEntry,
    HandoffsSection,
)

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


def to_settings(draft: Draft, platform: Platform) -> Settings:
    """Return the settings of a *draft* in which nothing is wrong."""
    fields = [each.value for each in draft.fields]
    return Settings(
        **{each.name: getattr(platform, each.name) for each in dataclasses.fields(Platform)},
        ma=present(draft.ma),
        sfa=present(draft.sfa),
        rules=_rules(draft, fields, platform.firm),
        ma_fields=_field_map(_ma_fields(fields), platform.firm),
        sfa_fields=_field_map(_sfa_fields(fields), platform.firm),
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
        time_zone=firm.time_zone,
        currency=firm.currency,
        language=firm.language,
    )


def _field_rules(fields: Iterable[FieldEntry]) -> Iterator[FieldRule]:
    """Yield a rule for each lead field that both sides keep and that tasuki doesn't work out itself."""
    for each in fields:
        if each.kind == "lead" and each.ma and each.sfa and each.name not in PRODUCED:
            yield FieldRule(
                name=each.name,
                policy=effective_policy(each),
                write_ma=not each.ma.read_only,
                write_sfa=not each.sfa.read_only,
            )


def _produced(fields: Iterable[FieldEntry], side: Side) -> Iterator[str]:
    for each in fields:
        column = each.ma if side is Side.MA else each.sfa
        if each.kind == "lead" and each.name in PRODUCED and column:
            yield each.name


def _scoring(draft: Draft) -> Scoring:
    scoring = present(draft.scoring)
    return Scoring(
        threshold=scoring.threshold,
        read_from=scoring.field,
        behaviours=tuple(_behaviour(each.value) for each in draft.behaviours),
        attributes=tuple(_attribute(each.value) for each in draft.attributes),
    )


def _behaviour(rule: BehaviourEntry) -> BehaviourRule:
    return BehaviourRule(
        points=rule.points,
        label=rule.label,
        label_ja=rule.label_ja or rule.label,
        counter=rule.counter,
        activity=rule.activity,
        cap=rule.cap,
    )


def _attribute(rule: AttributeEntry) -> AttributeRule:
    return AttributeRule(
        field=rule.field,
        operator=rule.operator,
        operands=rule.operands,
        points=rule.points,
        label=rule.label,
        label_ja=rule.label_ja or rule.label,
    )


def _assignment(people: AssignmentSection) -> Assignment:
    return Assignment(sdr=people.sdr, bdr=people.bdr, field_sales=people.field_sales)


def _handoffs(handoffs: HandoffsSection) -> Handoffs:
    return Handoffs(
        task_subject=handoffs.task_subject,
        task_due_hours=handoffs.task_due_ms // _HOUR_MS,
        opportunity_name=handoffs.opportunity_name,
        opportunity_stage=handoffs.opportunity_stage,
        opportunity_close_days=handoffs.opportunity_close_ms // _DAY_MS,
    )


def _ma_fields(fields: Iterable[FieldEntry]) -> Iterator[tuple[Kind, MappedField]]:
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
                ),
            )


def _sfa_fields(fields: Iterable[FieldEntry]) -> Iterator[tuple[Kind, MappedField]]:
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
                ),
            )


def _field_map(mapped: Iterable[tuple[Kind, MappedField]], firm: Firm) -> FieldMap:
    by_kind: dict[Kind, list[MappedField]] = {}
    for kind, field in mapped:
        by_kind.setdefault(kind, []).append(field)
    frozen: Mapping[Kind, tuple[MappedField, ...]] = {kind: tuple(fields) for kind, fields in by_kind.items()}
    return FieldMap(fields=MappingProxyType(frozen), currency=firm.currency, time_zone=firm.time_zone)
