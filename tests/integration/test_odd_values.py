"""Odd values through the whole service, both ways: nothing crashes, nothing is lost, nothing is written without end."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import DEAD_LETTERS
from services.cli.stage.books import Books
from services.cli.stage.look import people
from services.cli.stage.quiet import quiet
from services.cli.stage.sandbox_client import Act
from services.cli.stage.stage import Stage
from services.cli.stage.verdict import Comparison, Person, compare
from services.sync.adapters.hubspot import mapping as hubspot
from services.sync.adapters.salesforce.mapping import FieldMapping
from services.sync.application.identify import email_claim
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.records import Kind, Scalar, Side
from tests.waiting import PATIENCE_S

STILL_S = 1.5
MOST_CHANGES = 5
"""Of one record in both rounds, people's own included: never an endless exchange."""

FIELDS = """
[[fields]]
name = "note"
policy = "latest"
ma = "message"
sfa = { lead = "Description" }
[[fields]]
name = "since_on"
type = "date"
policy = "latest"
ma = "since_on"
sfa = { lead = "Since_On__c" }
[[fields]]
name = "met_at"
type = "instant"
policy = "latest"
ma = "met_at"
sfa = { lead = "Met_At__c" }
[[fields]]
name = "budget"
type = "money"
policy = "latest"
ma = "budget"
sfa = { lead = "Budget__c" }
[[fields]]
name = "keen"
type = "boolean"
policy = "latest"
ma = "keen"
sfa = { lead = "Keen__c" }
[[fields]]
name = "rating"
policy = "latest"
ma = "hs_lead_status"
sfa = { lead = "Rating__c" }
[[fields]]
name = "kana_last"
ma = { name = "kana", part = "last" }
sfa = { lead = "Kana_Last__c" }
[[fields]]
name = "kana_first"
ma = { name = "kana", part = "first" }
sfa = { lead = "Kana_First__c" }
[[fields]]
name = "due_on"
type = "date"
ma = { name = "due_at", holds = "instant" }
sfa = { lead = "Due_On__c" }
[[fields]]
name = "code"
ma = { name = "code", same_width = true }
sfa = { lead = "Code__c", same_width = true }

"""


@dataclass(frozen=True, slots=True)
class Case:
    """
    One lead: what marketing enters, what sales makes of it, and what both are to hold then.

    `first` and `last` are canonical fields after marketing's entry and after sales' edit.
    """

    ma: Mapping[str, Any]
    sfa: Mapping[str, Any]
    first: Mapping[str, Scalar]
    last: Mapping[str, Scalar]
    email: str = ""


def text(ma: str, sfa: str, *, first: str | None = None, last: str | None = None) -> Case:
    """Return a case of the first name; what is to stand is what was entered unless said otherwise."""
    return Case(
        {"firstname": ma},
        {"FirstName": sfa},
        {"first_name": ma if first is None else first or None},
        {"first_name": sfa if last is None else last or None},
    )


CASES: Mapping[str, Case] = {
    "nul": text("太\0郎", "花\0子", first="太郎", last="花子"),
    "emoji": text("👩‍👩‍👧‍👦🇯🇵", "🏳️‍🌈👍🏽"),
    "four-bytes": text("𠮷野家", "𩸽𠀋"),
    "combining": text("か\u3099き\u3099", "e\u0301cole"),
    "composed": text("がぎ", "école"),
    "full-width": text("\uff34\uff21\uff32\uff2f\uff11", "\uff8a\uff85\uff7a"),
    "blanks": text("  太郎\t", "\u3000花子 ", first="太郎", last="花子"),
    "only-blanks": text("太郎", " \u3000", last=""),
    "quotes": text('O\'Brien "x" \\', "%_{}&amp;'\"\\n"),
    "markup": text("<script>alert(1)</script>", "</script>{{7*7}}"),
    "formula": text("=1+1", "@SUM(A1)"),
    "bidi": text("\u202eabc\u202c", "\u200babc\ufeff"),
    "telephone": Case(
        {"phone": "０３−１２３４−５６７８"},
        {"Phone": "+81 3 1234 9999"},
        {"phone": "+81312345678"},
        {"phone": "+81312349999"},
    ),
    "no-telephone": Case(
        {"phone": "内線のみ"}, {"Phone": "代表にて"}, {"phone": "内線のみ"}, {"phone": "代表にて"}
    ),
    "whole-name": Case(
        {"kana": "ヤマダ　タロウ"},
        {"Kana_First__c": "ジロウ"},
        {"kana_last": "ヤマダ", "kana_first": "タロウ"},
        {"kana_last": "ヤマダ", "kana_first": "ジロウ"},
    ),
    "half-a-name": Case(
        {"kana": "ヤマダ"},
        {"Kana_Last__c": "サトウ"},
        {"kana_last": "ヤマダ", "kana_first": None},
        {"kana_last": "サトウ", "kana_first": None},
    ),
    "day-as-instant": Case(
        {"due_at": "2024-05-01T00:00:00+09:00"},
        {"Due_On__c": "2024-05-31"},
        {"due_on": "2024-05-01"},
        {"due_on": "2024-05-31"},
    ),
    "width": Case({"code": "ＡＢ－１"}, {"Code__c": "ｱｲｳ"}, {"code": "AB-1"}, {"code": "アイウ"}),
    "lines": Case(
        {"message": "一\n二\r\n三\n\n四"},
        {"Description": "五\r\n六\n\t七"},
        {"note": "一\n二\r\n三\n\n四"},
        {"note": "五\r\n六\n\t七"},
    ),
    "year-1": Case(
        {"since_on": "0001-01-01"},
        {"Since_On__c": "0001-01-02"},
        {"since_on": "0001-01-01"},
        {"since_on": "0001-01-02"},
    ),
    "year-9999": Case(
        {"since_on": "9999-12-31"},
        {"Since_On__c": "9999-12-30"},
        {"since_on": "9999-12-31"},
        {"since_on": "9999-12-30"},
    ),
    "to-year-1": Case(
        {"since_on": "9999-12-31"},
        {"Since_On__c": "0001-01-01"},
        {"since_on": "9999-12-31"},
        {"since_on": "0001-01-01"},
    ),
    "offsets": Case(
        {"met_at": "2024-05-01T10:00:00+09:00"},
        {"Met_At__c": "2024-05-01T10:00:00-05:30"},
        {"met_at": 1_714_525_200_000},
        {"met_at": 1_714_577_400_000},
    ),
    "milliseconds": Case(
        {"met_at": "2024-05-01T10:00:00.987+09:00"},
        {"Met_At__c": "2024-05-01T10:00:00.987Z"},
        {"met_at": 1_714_525_200_000},
        {"met_at": 1_714_557_600_000},
    ),
    "instant-year-1": Case(
        {"met_at": "0001-01-01T00:00:00Z"},
        {"Met_At__c": "9999-12-31T23:59:59Z"},
        {"met_at": -62_135_596_800_000},
        {"met_at": 253_402_300_799_000},
    ),
    "yen": Case({"budget": "1200000"}, {"Budget__c": 0}, {"budget": 1_200_000}, {"budget": 0}),
    "yen-large": Case(
        {"budget": "1e15"},
        {"Budget__c": -999999999999999},
        {"budget": 10**15},
        {"budget": -999_999_999_999_999},
    ),
    "yen-with-decimals": Case(
        {"budget": "1200.00"}, {"Budget__c": "1300.0"}, {"budget": 1_200}, {"budget": 1_300}
    ),
    "yen-in-fractions": Case(
        {"budget": "1200.4"}, {"Budget__c": 1299.7}, {"budget": 1_200}, {"budget": 1_300}
    ),
    "boolean": Case({"keen": "TRUE"}, {"Keen__c": "False"}, {"keen": True}, {"keen": False}),
    "boolean-unset": Case({}, {"Keen__c": "TRUE"}, {}, {"keen": True}),
    "empty": Case(
        {"firstname": "", "jobtitle": ""},
        {"FirstName": ""},
        {"first_name": None, "job_title": None},
        {"first_name": None},
    ),
    "cleared": Case(
        {"firstname": "太郎", "phone": "03-0000-0000"},
        {"FirstName": None, "Phone": ""},
        {"first_name": "太郎"},
        {"first_name": None, "phone": None},
    ),
    "mixed-case": Case(
        {"firstname": "a"},
        {"Email": "Mixed.CASE@Odd.Example"},
        {"email": "mixed.case@odd.example"},
        {"email": "mixed.case@odd.example"},
        email="mixed.Case@Odd.example",
    ),
    "full-width-address": Case(
        {"firstname": "a"},
        {"Email": "full@odd.example"},
        {"first_name": "a"},
        {"email": "full@odd.example"},
        email="\uff46\uff55\uff4c\uff4c@odd.example",
    ),
    "too-long": Case(
        {"jobtitle": "長" * 60_000, "firstname": "太郎"},
        {"Title": "部長"},
        {"first_name": "太郎"},
        {"job_title": "部長"},
    ),
    "no-option": Case(
        {"firstname": "太郎"}, {"FirstName": "花子", "Rating__c": "熱い"}, {}, {"first_name": "花子"}
    ),
    "plain": text("太郎", "花子"),
}
REFUSED = [{"email:too-long@odd.example: job_title"}, {"email:no-option@odd.example: rating"}]
"""What a vendor refuses in each round: that field differs then, and nothing else of its lead."""


class OddStage(Stage):
    """A stage whose firm maps a field of each type."""

    def _document(self, *args: str, **kwargs: str) -> str:
        head, mark, tail = super()._document(*args, **kwargs).partition("[scoring]\n")
        assert mark
        return head + FIELDS + mark + tail


@dataclass(slots=True)
class Played:
    """What stood there after each round."""

    people: list[dict[Side, dict[str, Person]]] = field(default_factory=list[dict[Side, dict[str, Person]]])
    comparisons: list[Comparison] = field(default_factory=list[Comparison])
    letters: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    writes: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    changes: Counter[tuple[Side, str]] = field(default_factory=Counter[tuple[Side, str]])


def address(name: str) -> str:
    """Return the e-mail address of a case's lead."""
    return CASES[name].email or f"{name}@odd.example"


async def play(folder: Path) -> Played:
    """Play all cases on one stage: marketing enters, sales edits."""
    played = Played()
    async with OddStage(folder) as stage, stage.open_books() as books:
        await stage.ma.act([Act(act="create", object="contact", fields=entry(name)) for name in CASES])
        await _look(stage, books, played)
        found = {each["fields"].get("Email"): each["id"] async for each in stage.sfa.records("Lead")}
        ids = {email_claim(str(email)): identity for email, identity in found.items()}
        await stage.sfa.act(
            [
                Act(act="update", object="Lead", id=ids[email_claim(address(name))], fields=case.sfa)
                for name, case in CASES.items()
                if email_claim(address(name)) in ids
            ]
        )
        await _look(stage, books, played)
        for side, client in ((Side.MA, stage.ma), (Side.SFA, stage.sfa)):
            page = await client.changes(0)
            played.changes.update((side, each["id"]) for each in page["changes"])
        played.letters = await _letters(books, stage.settings.log.partitions)
    return played


def entry(name: str) -> dict[str, Any]:
    """Return what marketing enters of a lead that qualifies at once."""
    fixed = {"lastname": name, "company": "株式会社" + name, "num_conversion_events": "2"}
    return {"email": address(name), **fixed, "document_downloads": "3", **CASES[name].ma}


async def _look(stage: Stage, books: Books, played: Played) -> None:
    await quiet([stage.ma, stage.sfa], books, within_s=PATIENCE_S)
    ma, sfa = await people(stage)
    played.people.append(
        {side: {each.name: each for each in of} for side, of in ((Side.MA, ma), (Side.SFA, sfa))}
    )
    maps = {Side.MA: stage.settings.ma_fields, Side.SFA: stage.settings.sfa_fields}
    expected = {email_claim(address(name)) for name in CASES}
    played.comparisons.append(compare(ma, sfa, rules=stage.settings.rules, maps=maps, expected=expected))
    played.writes.append(await _writes(stage))
    await asyncio.sleep(STILL_S)  # a rewrite without end would show in it
    played.writes.append(await _writes(stage))


async def _writes(stage: Stage) -> tuple[int, int]:
    return int((await stage.ma.stats())["writes"]), int((await stage.sfa.stats())["writes"])


async def _letters(books: Books, partitions: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for partition in range(partitions):
        records = await books.log.read(DEAD_LETTERS.name, partition, 0)
        found += [json.loads(each.value) for each in records if each.value is not None]
    return found


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Give what came of all cases, played once."""
    return asyncio.run(play(tmp_path_factory.mktemp("odd")))


def different(played: Played, round_: int) -> list[str]:
    """Return which fields of a case are not as they should be after a round, on either side."""
    found: list[str] = []
    for name, case in CASES.items():
        for side in Side:
            person = played.people[round_][side].get(email_claim(address(name)))
            for field_name, value in (case.first, case.last)[round_].items():
                there = person.fields.get(field_name) if person else "nobody"
                if there != value:
                    found.append(f"{name}: {field_name} on {side}: {there!r:.80} instead of {value!r:.80}")
    return found


@pytest.mark.parametrize("round_", [0, 1], ids=["marketing-enters", "sales-edits"])
def test_every_value_arrives_whole_and_both_sides_are_equal(played: Played, round_: int) -> None:
    """Nothing is lost on the way, in either direction, and each person stands on both sides once."""
    assert different(played, round_) == []
    assert {f"{each.lead}: {each.field}" for each in played.comparisons[round_].differences} == REFUSED[
        round_
    ]
    assert played.comparisons[round_].pairs == len(CASES)


def test_writes_come_to_an_end(played: Played) -> None:
    """At quiet nothing is written any more, and no record was changed again and again before."""
    assert played.writes[0] == played.writes[1]
    assert played.writes[2] == played.writes[3]
    assert max(played.changes.values()) <= MOST_CHANGES


@pytest.mark.parametrize("side", Side)
def test_milliseconds_that_sales_does_not_keep_are_no_edit(played: Played, side: Side) -> None:
    """Entered on either side, they cost no write more than an instant without them."""

    def changes(name: str) -> int:
        return played.changes[side, played.people[1][side][email_claim(address(name))].id]

    assert changes("milliseconds") == changes("offsets")


def test_only_what_a_vendor_refuses_is_a_dead_letter(played: Played) -> None:
    """A value that the other tool's field won't take is one dead letter that names it, with the vendor's reason."""
    found = {each["data"]["reason"]: each["data"]["detail"] for each in played.letters}
    assert len(played.letters) == len(found)
    too_long, no_option = found.pop("refused:STRING_TOO_LONG"), found.pop("refused:INVALID_OPTION")
    assert found == {}
    assert too_long.startswith("without job_title (a text of 60000 characters): ")
    assert "max length=128" in too_long
    assert no_option.startswith("without rating (a text of 2 characters): ")


@pytest.mark.parametrize(
    ("currency", "there"), [("JPY", "-1234567"), ("USD", "-12345.67"), ("KWD", "-1234.567")]
)
def test_money_keeps_its_decimals_through_both_tools(currency: str, there: str) -> None:
    """An amount in minor units goes out to each tool with the currency's decimals, and comes back the same."""
    budget = MappedField(name="budget", vendor_name="budget", type=FieldType.MONEY)
    context = hubspot.Context(currency=currency)
    sales = FieldMapping(FieldMap(fields={Kind.LEAD: (budget,)}, currency=currency))

    assert hubspot.to_vendor(budget, -1_234_567, context) == there
    assert sales.write(budget, -1_234_567, {}) == float(there)
    assert hubspot.to_canonical(budget, there, context) == sales.read(budget, float(there), {}) == -1_234_567


@pytest.mark.parametrize("raw", ["Taro@Odd.Example", " taro@odd.example\0 ", "TARO@ODD.EXAMPLE"])
def test_both_tools_tell_an_address_the_same(raw: str) -> None:
    """However it is written: else each reading of one tool would be an edit to the other."""
    email = MappedField(name="email", vendor_name="email", type=FieldType.EMAIL)
    sales = FieldMapping(FieldMap(fields={Kind.LEAD: (email,)}))

    told = sales.read(email, raw, {})

    assert told == hubspot.to_canonical(email, raw, hubspot.Context()) == "taro@odd.example"
