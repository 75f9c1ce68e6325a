"""What must hold of companies at quiet: judged from the sandboxes' own books, and from what the service keeps of them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from services.cli.stage.companies import OBJECTS, Company, company_of, compare_companies
from services.cli.stage.stage import Stage
from services.cli.stage.verdict import Comparison, Reader
from services.sync.adapters.sandbox.feed import FeedItem
from services.sync.domain.company import DOMAIN
from services.sync.domain.field_map import FieldMap
from services.sync.domain.lead import COMPANY_SLOT, Lead, field_key, slot_key
from services.sync.domain.policy import is_blank
from services.sync.domain.records import Kind, RecordRef, Scalar, Side
from services.sync.domain.rules import Policy
from tests.model.steps import Step

_TAG = re.compile(r"s\d+-\d+")
_AT_ONCE_MS = 20
"""
Nobody knows which of two words came last that are so near: a save that changes nothing is in no feed, but when an account
is read whole, its time is.
"""
_MOVING = frozenset({"site", "close", "reopen", "unite", "convert"})
Words = tuple[str, str, str]
"""Of a finding: the scenario, its kind, and in words."""
_Words: TypeAlias = dict[tuple[str, str], list[tuple[int, Scalar, bool]]]
"""By record and field: when it came to stand, the value, whether tasuki set it; blanks before the first value left out."""


class FirmJudge:
    """Judges the companies of a stage."""

    def __init__(self, stage: Stage, reader: Reader, maps: Mapping[Side, FieldMap]) -> None:
        self._stage = stage
        self._reader = reader
        self._maps = maps
        self._rules = stage.settings.rules
        assert self._rules.companies is not None
        self._kept = self._rules.companies
        self._desks = {Side.MA: stage.hubspot.desk, Side.SFA: stage.salesforce.desk}

    def findings(self, scenarios: Mapping[str, Sequence[Step]], leads: Sequence[Lead]) -> Iterator[Words]:
        """Yield what is wrong with the companies of *scenarios*; *leads* are all that the service knows."""
        firms = {each.id: each for each in leads if each.is_company}
        there = {side: [*self._there(side)] for side in Side}
        yield from self._compared(there, firms)
        yield from self._owned(there, firms)
        yield from self._members(firms, [each for each in leads if not each.is_company])
        yield from self._said(scenarios, there)

    def tag_of(self, company: Lead) -> str:
        """Return the scenario of *company*: it stands in its domain, or in the name of one of its records."""
        if found := _TAG.search(company.id):
            return found[0]
        records = (
            self._desks[side].record(each.ref.object, each.ref.id)
            for side, persons in company.persons.items()
            for each in persons.values()
        )
        return next(
            (found[0] for each in records if each and (found := _TAG.search(str(each["fields"])))), ""
        )

    def _there(self, side: Side) -> Iterator[Company]:
        after: str | None = None
        while True:
            page = self._desks[side].records(OBJECTS[side][1], after=after, limit=500, history=False)
            for each in page.records:
                if not each["archived"]:
                    yield company_of(self._reader, side, each, self._kept)
            if (after := page.after) is None:
                return

    def _compared(
        self, there: Mapping[Side, Sequence[Company]], firms: Mapping[str, Lead]
    ) -> Iterator[Words]:
        """Both sides are equal, but for what a vendor refused."""
        compared = Comparison()
        compare_companies(there[Side.MA], there[Side.SFA], rules=self._rules, maps=self._maps, found=compared)
        for each in compared.differences:
            company = firms.get(each.lead)
            if company is None or not _is_refused(company, each.field):
                text = f"{each.field}: {each.ma!r} in marketing, {each.sfa!r} in sales ({each.lead})"
                yield _tag(each.lead), "company differs", text

    def _owned(self, there: Mapping[Side, Sequence[Company]], firms: Mapping[str, Lead]) -> Iterator[Words]:
        """A record belongs to one company, that of its domain; and what is taken for alive is there."""
        owners: dict[RecordRef, list[str]] = defaultdict(list)
        for company in firms.values():
            for side, persons in company.persons.items():
                for each in persons.values():
                    if each.alive:
                        owners[each.ref].append(company.id)
                        if self._gone(side, each.ref):
                            yield (
                                self.tag_of(company),
                                "company gone",
                                f"{each.ref} of {company.id} isn't there",
                            )
        for companies in there.values():
            for each in companies:
                found = owners[each.ref]
                if len(found) != 1 or each.id not in (None, found[0]):
                    tag = _tag(each.id or "") or next((_tag(one) for one in found), "")
                    yield tag, "company owned", f"{each.ref} of {each.id} belongs to {found}"

    def _gone(self, side: Side, ref: RecordRef) -> bool:
        record = self._desks[side].record(ref.object, ref.id)
        return record is None or record["archived"]

    def _members(self, firms: Mapping[str, Lead], leads: Iterable[Lead]) -> Iterator[Words]:
        """A lead and the company that it works for know each other, and the lead knows the company's values."""
        works: dict[str, str] = {}
        for lead in leads:
            for each in (lead.id, *lead.taken_over):
                works[each] = "" if lead.employer is None else lead.employer.id
            if lead.employer is None:
                continue
            tag, company = _tag(str(lead.seen("email", Side.MA).there)), firms.get(lead.employer.id)
            if company is None:
                yield tag, "employer", f"{lead.id} works for {lead.employer.id}, which isn't known"
            elif not {lead.id, *lead.taken_over} & company.members.keys():
                yield tag, "employer", f"{lead.id} works for {company.id}, which doesn't know"
            elif lead.employer.values != company.told_members:
                told = f"{lead.employer.values} instead of {company.told_members}"
                yield tag, "employer", f"{lead.id} was told {told} by {company.id}"
        for company in firms.values():
            for each in company.members:
                if works.get(each, company.id) != company.id:
                    text = f"{company.id} has {each}, which works for {works[each]!r}"
                    yield self.tag_of(company), "employer", text

    def _said(
        self, scenarios: Mapping[str, Sequence[Step]], there: Mapping[Side, Sequence[Company]]
    ) -> Iterator[Words]:
        """Nothing is made; and where the latest counts and no record moved, what was said last stands on both sides."""
        words: _Words = defaultdict(list)
        for side, desk in self._desks.items():
            items, _ = desk.feed.since(0, 10_000_000)
            for item in items:
                if item.object != OBJECTS[side][1]:
                    continue
                if item.origin == "api" and item.change == "create":
                    yield _tag(str(item.fields)), "company made", f"{item.object} {item.id}"
                self._note(words, side, item)
        for tag, steps in scenarios.items():
            if any(each.act.partition("-")[0] in _MOVING for each in steps):
                continue
            yield from self._last_words(tag, words, there)

    def _note(self, words: _Words, side: Side, item: FeedItem) -> None:
        said = self._reader.fields(Kind.COMPANY, side, OBJECTS[side][1], item.fields)
        names = {each.vendor_name: each.name for each in self._maps[side].of(Kind.COMPANY, OBJECTS[side][1])}
        for vendor_name in item.fields:
            if (name := names.get(vendor_name)) is not None:
                known = words[item.id, name]
                if known or not is_blank(said[name]):
                    known.append((item.at, said[name], item.origin == "api"))

    def _last_words(
        self,
        tag: str,
        words: _Words,
        there: Mapping[Side, Sequence[Company]],
    ) -> Iterator[Words]:
        mine = {side: [each for each in there[side] if each.id == f"company:{tag}.example"] for side in Side}
        if any(len(each) != 1 for each in mine.values()):
            return
        records = [each for companies in mine.values() for each in companies]
        for name, rule in self._kept.fields.items():
            if rule.policy is not Policy.LATEST or name == DOMAIN:
                continue
            known = [word for each in records for word in words.get((each.ref.id, name), ())]
            said = [(at, value) for at, value, by_api in known if not by_api]
            if not said:
                continue
            at, last = max(said, key=lambda word: word[0])
            if any(word[1] != last and at - word[0] <= _AT_ONCE_MS for word in said):
                continue
            for each in records:
                if each.fields.get(name) != last and not (is_blank(last) and is_blank(each.fields.get(name))):
                    yield (
                        tag,
                        "company's last word",
                        f"{name}: {last!r}, {each.fields.get(name)!r} in {each.ref} ({each.id})",
                    )


def _tag(text: str) -> str:
    found = _TAG.search(text)
    return found[0] if found else ""


def _is_refused(company: Lead, name: str) -> bool:
    keys = (
        key for side in Side for key in (field_key(side, COMPANY_SLOT, name), slot_key(side, COMPANY_SLOT))
    )
    return any(key in company.refused for key in keys)
