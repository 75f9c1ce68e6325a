"""What must hold at quiet, judged from the sandboxes' own books, the service's leads and what it told."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from services.cli.stage.stage import Stage
from services.cli.stage.verdict import Comparison, Reader, compare_pair
from services.sync.adapters.sandbox.feed import FeedItem
from services.sync.domain.field_map import FieldType, MappedField
from services.sync.domain.lead import PERSON_SLOT, Lead, field_key, slot_key
from services.sync.domain.policy import is_blank
from services.sync.domain.records import Kind, RecordRef, Scalar, Side
from services.sync.domain.rules import Policy
from tests.model.firms import FirmJudge
from tests.model.steps import Step

_OBJECTS = {Side.MA: ("contact",), Side.SFA: ("Lead", "Contact")}
_UNKNOWN = "[不明]"
"""Stands in the sales tool where it wants a value and nobody has one."""
_MOVING = frozenset({"address", "swap", "delete", "restore", "merge", "convert"})


class Finding(NamedTuple):
    """Something that must not be: of which scenario (its tag), of what kind, and in words."""

    tag: str
    kind: str
    text: str


class Word(NamedTuple):
    """A field got a value: when, on which side, by a person or by tasuki."""

    at: int
    side: Side
    value: Scalar
    by_api: bool


@dataclass
class Books:
    """What the two sandboxes say happened to each record: by side, object and id, the words of each field, in order."""

    words: dict[tuple[Side, str, str], dict[str, list[Word]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    tags: dict[tuple[Side, str, str], str] = field(default_factory=dict[tuple[Side, str, str], str])


class Judge:
    """Judges the scenarios of a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._settings = stage.settings
        self._rules = stage.settings.rules
        self._maps = {Side.MA: stage.settings.ma_fields, Side.SFA: stage.settings.sfa_fields}
        self._desks = {Side.MA: stage.hubspot.desk, Side.SFA: stage.salesforce.desk}
        integration = stage.salesforce.settings.users[0].email
        owners = {
            side: {key: each for key, each in known.items() if each != integration}  # for us that is nobody
            for side, known in stage.owners().items()
        }
        keys = {Side.MA: stage.settings.ma.own_property, Side.SFA: stage.settings.sfa.external_id_field}
        self._reader = Reader(self._maps, owners, keys)
        self._firms = FirmJudge(stage, self._reader, self._maps)
        self._told: set[Finding] = set()

    def findings(self, scenarios: Mapping[str, Sequence[Step]], leads: Iterable[Lead]) -> list[Finding]:
        """Return what is wrong with the scenarios, by tag, whose *leads* are among those given."""
        books, leads = self._books(), [*leads]
        of_firms = [Finding(*each) for each in self._firms.findings(scenarios, leads)]
        found = [
            each for each in of_firms if each.tag in scenarios or (not each.tag and each not in self._told)
        ]
        self._told.update(found)
        owners: dict[RecordRef, list[str]] = defaultdict(list)
        for lead in leads:
            tag = "" if lead.is_company else self._tag(lead, books)
            if tag not in scenarios:
                continue
            for side in Side:
                for person in lead.persons.get(side, {}).values():
                    if person.alive:
                        owners[person.ref].append(lead.id)
            found += [Finding(tag, *each) for each in self._of_lead(lead, scenarios[tag], books)]
        found += self._of_records(scenarios, owners, books)
        return found

    def tag_of(self, lead: Lead) -> str:
        """Return the scenario of *lead*, which may be a company."""
        return self._firms.tag_of(lead) if lead.is_company else self._tag(lead, self._books())

    def _of_lead(self, lead: Lead, steps: Sequence[Step], books: Books) -> Iterator[tuple[str, str]]:
        refs = {side: lead.person(side) for side in Side}
        people = {side: self._person(side, ref) for side, ref in refs.items() if ref is not None}
        for side, ref in refs.items():
            if ref is not None and people[side] is None:
                yield "gone", f"{ref} is taken for alive and isn't there"
        ma, sfa = people.get(Side.MA), people.get(Side.SFA)
        if ma is not None and sfa is not None:
            compared = Comparison()
            compare_pair(ma, sfa, self._rules, self._maps, compared)
            for each in compared.differences:
                if (each.ma, each.sfa) != (None, _UNKNOWN) and not _is_refused(lead, each.field):
                    yield (
                        "differs",
                        f"{each.field}: {each.ma!r} in marketing, {each.sfa!r} in sales ({lead.id})",
                    )
            if not any(each.act.partition("-")[0] in _MOVING for each in steps):
                yield from self._last_words(lead, books, {Side.MA: ma, Side.SFA: sfa})
        yield from self._consent(lead, people, books)

    def _last_words(self, lead: Lead, books: Books, people: Mapping[Side, Any]) -> Iterator[tuple[str, str]]:
        """Of a field where the latest counts, what was last said by anybody, in any record, stands on both sides."""
        for name, rule in self._rules.fields.items():
            if rule.policy is not Policy.LATEST:
                continue
            said = [
                word
                for side, persons in lead.persons.items()
                for ref in (each.ref for each in persons.values())
                for word in _spoken(books.words[side, ref.object, ref.id].get(name, []))
            ]
            if not said:
                continue
            last = max(said, key=lambda word: (word.at, word.side is Side.SFA))
            if any(each[:2] == last[:2] and not _same(each.value, last.value) for each in said):
                continue  # in two records at one instant
            for side, person in people.items():
                if name in person.fields and not _same(person.fields[name], last.value):
                    yield (
                        "last word",
                        f"{name}: {last.value!r} was said last, in {last.side}, {person.fields[name]!r} stands in {side}",
                    )

    def _consent(self, lead: Lead, people: Mapping[Side, Any], books: Books) -> Iterator[tuple[str, str]]:
        for name in self._rules.consents:
            records = [
                books.words[side, person.ref.object, person.ref.id].get(name, [])
                for side, persons in lead.persons.items()
                for person in persons.values()
            ]
            for words in records:
                if any(two.by_api and one.value and not two.value for one, two in pairwise(words)):
                    yield "consent", f"tasuki loosened {name} ({lead.id})"
            if any(word.value and not word.by_api for words in records for word in words):
                for side, person in people.items():
                    if person is not None and not person.fields.get(name):
                        yield "consent", f"opted out, but not in {side} ({lead.id})"

    def _of_records(
        self,
        scenarios: Mapping[str, Sequence[Step]],
        owners: Mapping[RecordRef, Sequence[str]],
        books: Books,
    ) -> Iterator[Finding]:
        said: dict[tuple[str, str], list[Scalar]] = defaultdict(list)
        for key, fields in books.words.items():
            for name, words in fields.items():
                said[books.tags.get(key, ""), name] += [each.value for each in words if not each.by_api]
        for key, fields in books.words.items():
            tag, (side, of, record_id) = books.tags.get(key, ""), key
            if tag not in scenarios:
                continue
            for name, words in fields.items():
                for word in words:
                    told = name == "owner" or is_blank(word.value) or word.value is False
                    if (
                        word.by_api
                        and not told
                        and not any(_same(word.value, one) for one in said[tag, name])
                    ):
                        yield Finding(
                            tag, "no cause", f"{name} = {word.value!r} on {side}: nobody ever said so"
                        )
            ref = RecordRef(self._desks[side].name.lower(), of, record_id)
            if self._person(side, ref) is not None:
                count = len(owners.get(ref, ()))
                if count != 1:
                    yield Finding(tag, "owned", f"{ref} belongs to {count} leads")
        yield from self._made_twice(scenarios, books)

    def _made_twice(self, scenarios: Mapping[str, Sequence[Step]], books: Books) -> Iterator[Finding]:
        """Two records that tasuki made of one lead, both there."""
        key_field = self._settings.sfa.external_id_field
        ids: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (side, of, record_id), tag in books.tags.items():
            if side is Side.SFA and tag in scenarios:
                row = self._stage.salesforce.state.tables[of].rows[record_id]
                if row.get(key_field) and not row["IsDeleted"] and not row.get("IsConverted"):
                    ids[tag, str(row[key_field])].append(record_id)
        for (tag, lead_id), found in ids.items():
            if len(found) > 1:
                yield Finding(tag, "twice", f"{lead_id} stands {len(found)} times in sales")

    def _person(self, side: Side, ref: RecordRef) -> Any:
        record = self._desks[side].record(ref.object, ref.id)
        if record is None or record["archived"] or record["fields"].get("IsConverted"):
            return None
        return self._reader.person(side, ref.object, record)

    def _tag(self, lead: Lead, books: Books) -> str:
        for side, persons in lead.persons.items():
            for person in persons.values():
                tag = books.tags.get((side, person.ref.object, person.ref.id))
                if tag:
                    return tag
        for side in Side:
            if address := lead.seen("email", side).there:
                return _tag(str(address))
        return ""

    def _books(self) -> Books:
        books = Books()
        for side, desk in self._desks.items():
            mapped = {
                of: {each.vendor_name: each for each in self._maps[side].of(Kind.LEAD, of)}
                for of in _OBJECTS[side]
            }
            items, cut = desk.feed.since(0, 10_000_000)
            assert not cut
            for item in items:
                if item.object in mapped:
                    self._note(books, side, item, mapped[item.object])
        return books

    def _note(self, books: Books, side: Side, item: FeedItem, mapped: Mapping[str, MappedField]) -> None:
        key = (side, item.object, item.id)
        said = self._reader.person(side, item.object, {"id": item.id, "fields": item.fields}).fields
        for vendor_name in item.fields:
            known = mapped.get(vendor_name)
            if known is None or known.name not in self._rules.fields:
                continue
            value = said[known.name]
            value = None if value == _UNKNOWN else value
            if known.type is FieldType.BOOLEAN:
                value = bool(value)
            books.words[key][known.name].append(Word(item.at, side, value, item.origin == "api"))
            if known.name == "email" and value:
                books.tags.setdefault(key, _tag(str(value)))
        if key not in books.tags and item.change == "merge":
            row = self._stage.hubspot.state.store.rows["contact"].get(item.id)
            if row is not None:
                books.tags[key] = _tag(row.values.get("email", ""))


def _tag(address: str) -> str:
    return address.partition("@")[2].removesuffix(".example")


def _spoken(words: Sequence[Word]) -> Iterator[Word]:
    """Yield what people said; that a field is blank says something only where something stood before."""
    filled = False
    for each in words:
        if not each.by_api and (filled or not is_blank(each.value)):
            yield each
        filled = filled or not is_blank(each.value)


def _same(one: Scalar, other: Scalar) -> bool:
    return one == other or (is_blank(one) and is_blank(other))


def _is_refused(lead: Lead, name: str) -> bool:
    keys = [key for side in Side for key in (field_key(side, PERSON_SLOT, name), slot_key(side, PERSON_SLOT))]
    return any(key in lead.refused for key in keys)
