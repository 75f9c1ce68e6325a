"""Whether the two sandboxes are equal: every person on both sides, every shared field the same, nobody twice."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from services.sync.adapters.hubspot import mapping as hubspot
from services.sync.adapters.salesforce.mapping import FieldMapping
from services.sync.application.identify import email_claim
from services.sync.domain.field_map import FieldMap, FieldType, MappedField, held
from services.sync.domain.policy import is_blank
from services.sync.domain.records import Kind, Scalar, Side
from services.sync.domain.rules import FieldRule, Policy, Rules

Vendor = Mapping[str, Any]
Held: TypeAlias = tuple[Mapping[str, Scalar], Iterable[MappedField]]
"""What a record holds, and the fields that it has."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person as one sandbox holds it, in canonical fields; `lead_id` is what our own field there says."""

    side: Side
    object: str
    id: str
    lead_id: str | None
    fields: Mapping[str, Scalar]

    @property
    def name(self) -> str:
        """What a person is known by on both sides: the e-mail address, our id where there is none."""
        email = self.fields.get("email")
        return email_claim(str(email)) if email else self.lead_id or f"{self.side}:{self.id}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be."""

    lead: str
    field: str
    ma: Scalar
    sfa: Scalar
    why: str

    def __str__(self) -> str:
        """Return it for a person."""
        return f"{self.lead}: {self.field}: {self.why} (marketing {self.ma!r}, sales {self.sfa!r})"


@dataclass(slots=True)
class Comparison:
    """What a comparison found. `pairs` persons stand on both sides, `fields` values were compared."""

    pairs: int = 0
    fields: int = 0
    only: Counter[str] = field(default_factory=Counter[str])
    differences: list[Difference] = field(default_factory=list[Difference])

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


class Reader:
    """
    Reads sandbox records into canonical persons.

    Args:
        owners: Side → user id → e-mail address.
        keys: Side → the vendor field that holds our id.
    """

    def __init__(
        self,
        maps: Mapping[Side, FieldMap],
        owners: Mapping[Side, Mapping[str, str]],
        keys: Mapping[Side, str],
    ) -> None:
        self._maps = maps
        self._owners = owners
        self._keys = keys
        self._sfa = FieldMapping(maps[Side.SFA])
        self._context = hubspot.Context(
            currency=maps[Side.MA].currency,
            time_zone=maps[Side.MA].time_zone,
            owner_emails=owners[Side.MA],
        )

    def person(self, side: Side, of: str, record: Vendor) -> Person:
        """Return *record* (as the sandbox's admin surface shows it) of the vendor object *of*."""
        key = record["fields"].get(self._keys[side])
        fields = self.fields(Kind.LEAD, side, of, record["fields"])
        return Person(side, of, record["id"], str(key) if key else None, fields)

    def fields(self, kind: Kind, side: Side, of: str, values: Vendor) -> dict[str, Scalar]:
        """Return the mapped fields in *values*, of a record of the vendor object *of*."""
        return {
            mapped.name: held(kind, mapped, self._read(side, mapped, values.get(mapped.vendor_name)))
            for mapped in self._maps[side].of(kind, of)
        }

    def value(self, mapped: MappedField, raw: object) -> Scalar:
        """Return a value of the sales tool's opportunity."""
        return self._read(Side.SFA, mapped, raw)

    def _read(self, side: Side, mapped: MappedField, raw: object) -> Scalar:
        if side is Side.SFA:
            return self._sfa.read(mapped, raw, self._owners[side])
        return hubspot.to_canonical(mapped, None if raw is None else str(raw), self._context)


def compare(
    ma: Iterable[Person],
    sfa: Iterable[Person],
    *,
    rules: Rules,
    maps: Mapping[Side, FieldMap],
    expected: set[str],
) -> Comparison:
    """
    Return how the two sides differ.

    Args:
        ma: Marketing's persons.
        sfa: Sales' persons, without those that were converted.
        rules: Say which fields are shared, and how.
        maps: Say which fields an object has.
        expected: The names of those that are to stand on both sides.
    """
    found = Comparison()
    sides = {Side.MA: list(ma), Side.SFA: list(sfa)}
    by_name = {side: {each.name: each for each in people} for side, people in sides.items()}
    for side, people in sides.items():
        _count_twice(side, people, found)
    for name in sorted(expected | (by_name[Side.MA].keys() & by_name[Side.SFA].keys())):
        one, other = by_name[Side.MA].get(name), by_name[Side.SFA].get(name)
        if one is None or other is None:
            found.differences.append(
                Difference(name, "*", one is not None, other is not None, "stands on one side only")
            )
            continue
        found.pairs += 1
        compare_pair(one, other, rules, maps, found)
    found.only.update({side.value: len(people) - found.pairs for side, people in sides.items()})
    return found


def _count_twice(side: Side, people: list[Person], found: Comparison) -> None:
    for name, count in Counter(each.name for each in people).items():
        if count > 1:
            found.differences.append(Difference(name, "*", None, None, f"stands {count} times in {side}"))


def compare_pair(
    ma: Person, sfa: Person, rules: Rules, maps: Mapping[Side, FieldMap], found: Comparison
) -> None:
    """Add to *found* how a person's two records differ."""
    here, there = maps[Side.MA].of(Kind.LEAD, ma.object), maps[Side.SFA].of(Kind.LEAD, sfa.object)
    compare_fields(ma.name, (ma.fields, here), (sfa.fields, there), rules.fields, found)


def compare_fields(name: str, ma: Held, sfa: Held, rules: Mapping[str, FieldRule], found: Comparison) -> None:
    """Add to *found* in which fields that both have the records of *name* differ, but for what may differ."""
    here, there = ({each.name: each for each in mapped} for _, mapped in (ma, sfa))
    for field_name, rule in rules.items():
        if field_name not in there or field_name not in here:
            continue
        one = _plain(here[field_name], ma[0].get(field_name))
        other = _plain(there[field_name], sfa[0].get(field_name))
        found.fields += 1
        explained = rule.policy is Policy.FILL_BLANK and not is_blank(one) and not is_blank(other)
        if one != other and not explained:
            found.differences.append(Difference(name, field_name, one, other, "differs"))


def _plain(mapped: MappedField, value: Scalar) -> Scalar:
    if mapped.type is FieldType.BOOLEAN:
        return bool(value)
    return None if is_blank(value) else value
