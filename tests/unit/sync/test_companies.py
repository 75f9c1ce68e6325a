"""Companies without any vendor: whose a lead is, what a company tells, what it lacks, in any order."""

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from schemas.lead import (
    CompanyLeft,
    LeadChange,
    LeadCompanyLeft,
    LeadCompanyTold,
    LeadMergedInto,
    LeadObserved,
    MergedInto,
    Ref,
)
from services.sync.adapters.lead_codec import decode, encode
from services.sync.application.decide import Decide
from services.sync.application.moving import Moving
from services.sync.domain.company import employer_of, is_free, is_unnamed, named, normal_domain, unnamed
from services.sync.domain.lead import Lead
from services.sync.domain.records import RecordRef, Scalar, Side
from services.sync.domain.rules import Assignment, CompanyRules, FieldRule, Policy
from tests import firm
from tests.firm import LEAD_ID, MINUTE, START, change, observed

ACME = "company:acme.co.jp"
ACCOUNT = ("salesforce", "Account", "0011")
BRANCH = ("salesforce", "Account", "0012")
COMPANY = ("hubspot", "company", "7")
KEPT = CompanyRules(
    fields={
        "domain": FieldRule(name="domain", policy=Policy.FILL_BLANK),
        "size": FieldRule(name="size", policy=Policy.SFA),
        "trade": FieldRule(name="trade", policy=Policy.LATEST),
    },
    told=frozenset({"domain", "size", "trade", "keeper"}),
    shown=frozenset({"trade"}),
    free_mail=frozenset({"gmail.com", "docomo.ne.jp"}),
)
RULES = firm.rules(companies=KEPT, assignment=Assignment(sdr=("sdr-1@firm",), account_owner="keeper"))


class Shards:
    """All leads and companies, each taking its changes in order; what they tell each other comes round at once."""

    def __init__(self) -> None:
        self.known: dict[str, Lead] = {}
        self.decide = Decide(RULES)
        self._moving = Moving(self.decide, encode, decode)
        self._number = 0

    def take(self, key: str, event: LeadChange) -> None:
        """Take a change, and all that follows from it."""
        queue = [(key, event)]
        while queue:
            there, each = queue.pop(0)
            self._number += 1
            lead = self.known.setdefault(there, Lead(there))
            step = self._moving.take(lead, each, f"0-{self._number}")
            self.known[there] = decode(there, encode(step.lead))
            queue += step.sent

    def company(
        self, at: int, ref: tuple[str, str, str] = ACCOUNT, key: str = ACME, **fields: Scalar
    ) -> None:
        """A company's record was seen."""
        self.take(key, seen(at, ref, **fields))

    def lead(self, at: int, email: str, **more: Any) -> Lead:
        """The lead was seen with an address."""
        event = observed("ma", [change("email", email, at)], **more)
        self.take(LEAD_ID, event)
        return self.known[LEAD_ID]


def seen(at: int, ref: tuple[str, str, str] = ACCOUNT, **fields: Scalar) -> LeadObserved:
    """Return that a company's record was seen."""
    side = "ma" if ref[0] == "hubspot" else "sfa"
    return observed(side, [change(name, each, at) for name, each in fields.items()], kind="company", ref=ref)


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("Acme.co.jp", "acme.co.jp"),
        ("https://www.acme.co.jp/jp/index.html?x=1", "acme.co.jp"),
        ("http://user@acme.co.jp:8080", "acme.co.jp"),
        ("ｗｗｗ．ａｃｍｅ．ｃｏ．ｊｐ", "acme.co.jp"),
        (" acme.co.jp. ", "acme.co.jp"),
        ("日本語.jp", "xn--wgv71a119e.jp"),
        ("www.jp", "www.jp"),
        ("localhost", None),
        ("192.168.0.1", None),
        ("未定", None),
        ("", None),
        ("a" * 300 + ".jp", None),
    ],
)
def test_a_domain_is_the_same_however_it_is_written(written: str, domain: str | None) -> None:
    """Lower case, half width, ASCII; no scheme, page, port, user or www."""
    assert normal_domain(written) == domain


def test_a_free_mail_domain_names_no_company() -> None:
    """Nor does one that is a part of it."""
    assert is_free("mail.docomo.ne.jp", KEPT.free_mail)
    assert not is_free("notdocomo.ne.jp", KEPT.free_mail)
    assert named("gmail.com", KEPT) is None
    assert named("https://www.acme.co.jp", KEPT) == ACME
    assert is_unnamed(unnamed(RecordRef(*ACCOUNT)))
    assert not is_unnamed(ACME)


def test_a_lead_works_for_whom_a_tool_names_then_for_whom_its_address_names() -> None:
    """Sales before marketing; a free address names nobody."""
    shards = Shards()
    assert employer_of(shards.lead(START, "a@gmail.com"), KEPT) is None
    assert employer_of(shards.lead(START + 1, "a@acme.co.jp"), KEPT) == ACME
    shards.lead(START + 2, "a@acme.co.jp", company="company:other.co.jp")
    assert employer_of(shards.known[LEAD_ID], KEPT) == "company:other.co.jp"
    assert list(shards.known[ACME].members) == []
    assert list(shards.known["company:other.co.jp"].members) == [LEAD_ID]
    shards.lead(START + 3, "a@acme.co.jp", company="")
    assert list(shards.known[ACME].members) == [LEAD_ID]


def test_a_company_tells_its_leads_what_changes() -> None:
    """Who joins is told at once, also before anything is known of it."""
    shards = Shards()
    employer = shards.lead(START, "a@acme.co.jp").employer
    assert employer is not None
    assert (employer.id, employer.heard, employer.values) == (ACME, True, {})
    shards.company(START, size=40, trade="IT")
    assert shards.known[LEAD_ID].of_company("size") == 40
    shards.company(START + MINUTE, size=41)
    assert shards.known[LEAD_ID].of_company("size") == 41
    assert shards.known[LEAD_ID].of_company("trade") == "IT"


def test_what_both_tools_say_is_decided_as_of_leads() -> None:
    """By each field's policy; nothing is made where a company isn't."""
    shards = Shards()
    shards.company(START, size=40, trade="IT")
    assert [shards.decide.lacks(shards.known[ACME], side) for side in Side] == [[], []]
    shards.company(START, COMPANY, size=3, trade=None, domain="acme.co.jp")
    shards.company(START + MINUTE, COMPANY, trade="製造業")
    lacks = {side: shards.decide.lacks(shards.known[ACME], side) for side in Side}
    assert [each.fields for each in lacks[Side.MA]] == [{"size": 40}]
    assert [each.fields for each in lacks[Side.SFA]] == [{"domain": "acme.co.jp", "trade": "製造業"}]


def test_what_is_seen_of_a_company_may_come_in_any_order() -> None:
    """Two accounts and a company: the first account stands for it, and only that one counts."""
    events = [
        seen(START, ACCOUNT, size=40),
        seen(START + 2, BRANCH, size=3, trade="IT"),
        seen(START + 1, COMPANY, trade="金融"),
        seen(START + 5, ACCOUNT, size=41),
    ]
    ends: set[bytes] = set()
    for order in permutations(events):
        shards = Shards()
        for each in (*order, order[0]):
            shards.take(ACME, each)
        ends.add(encode(shards.known[ACME]))
        assert shards.known[ACME].seen("size", Side.SFA).there == 41
        assert shards.known[ACME].seen("trade", Side.SFA).there is None
    assert len(ends) == 1


def test_a_record_that_left_takes_those_who_hang_on_it_along() -> None:
    """The others stay; the company that has it now doesn't take its own news for a leaving."""
    shards, new = Shards(), "company:new.co.jp"
    shards.company(START, size=40)
    shards.lead(
        START,
        "a@acme.co.jp",
        company=ACME,
        employer=dict(zip(("system", "object", "id"), ACCOUNT, strict=True)),
    )
    assert shards.known[LEAD_ID].of_company("size") == 40
    shards.company(START + MINUTE, key=new, size=50)
    gone = replace_data(seen(START + MINUTE, size=50), fields=[], deleted=True, company=new)
    for each in (ACME, new):
        shards.take(each, gone)
    assert shards.known[LEAD_ID].of_company("size") == 50
    assert (list(shards.known[ACME].members), list(shards.known[new].members)) == ([], [LEAD_ID])
    assert shards.known[ACME].person(Side.SFA) is None
    assert shards.known[new].person(Side.SFA) == RecordRef(*ACCOUNT)


def test_a_company_without_a_domain_is_that_of_its_first_lead_with_an_address() -> None:
    """All that it knew goes along; what still comes to it is handed on, and its leads stay members."""
    shards, blank = Shards(), unnamed(RecordRef(*ACCOUNT))
    shards.company(START, key=blank, size=40)
    shards.company(START, COMPANY, trade="IT")
    shards.lead(START, "a@acme.co.jp", company=blank)
    shards.company(START + MINUTE, key=blank, size=41)
    shards.lead(START + MINUTE, "a@acme.co.jp", company=blank)
    company, lead = shards.known[ACME], shards.known[LEAD_ID]
    assert shards.known[blank].merged_into == ACME
    assert company.person(Side.SFA) == RecordRef(*ACCOUNT)
    assert list(company.members) == [LEAD_ID]
    assert (lead.of_company("size"), lead.of_company("trade")) == (41, "IT")


def test_a_lead_waits_for_its_company_s_answer_where_that_says_whose_it_is() -> None:
    """An opt-out doesn't wait where the person stands; nobody is made of one alone."""
    decide, lead = Decide(RULES), Lead(LEAD_ID)
    mql = [
        change("email", "a@acme.co.jp", START),
        change("forms", 3, START),
        change("opted_out", True, START),
    ]
    decided = decide.apply(lead, observed("ma", mql), "0-1")
    assert lead.employer is not None
    assert not lead.employer.heard
    assert decided.missing[Side.SFA] == []
    standing = deepcopy(lead)
    there = observed("sfa", [change("email", "a@acme.co.jp", START), change("last_name", "山田", START)])
    decided = decide.apply(standing, there, "0-2")
    assert [each.fields.keys() for each in decided.missing[Side.SFA]] == [{"opted_out"}]
    lead.employer = replace(lead.employer, heard=True, values={"keeper": "tanaka@firm", "trade": "IT"})
    (person, task) = decide.lacks(lead, Side.SFA)
    assert (person.fields["owner"], task.fields["owner"], person.fields["trade"]) == (
        "tanaka@firm",
        "tanaka@firm",
        "IT",
    )


def _written(shards: Shards, side: Side, at: int) -> Mapping[str, Scalar]:
    """Write what *side* lacks of the company; return it."""
    company = shards.known[ACME]
    lacks = shards.decide.lacks(company, side)
    fields = lacks[0].fields if lacks else {}
    ref = company.person(side)
    if fields and ref is not None:
        there = Ref(system=ref.system, object=ref.object, id=ref.id)
        over = {name: company.seen(name, side).there_at for name in fields}
        for event in (
            firm.started(side, "company", fields, at, over=over),
            firm.settled(side, "company", fields, at + 40, over=over),
        ):
            data = event.data.model_copy(update={"ref": there})
            shards.take(ACME, event.model_copy(update={"data": data}))
    return fields


def test_what_a_branch_had_said_goes_to_the_record_that_stands_for_the_company() -> None:
    """Marketing has it from the branch, which was known first; both sides are the same again, and stay so."""
    shards = Shards()
    shards.company(START, COMPANY, domain="acme.co.jp")
    shards.company(START, BRANCH, domain="acme.co.jp", trade="IT", size=7)
    assert _written(shards, Side.MA, START + 10) == {"trade": "IT", "size": 7}
    shards.company(START + 100, ACCOUNT, domain="acme.co.jp", size=9)
    assert _written(shards, Side.SFA, START + 110) == {"trade": "IT"}
    assert _written(shards, Side.MA, START + 120) == {"size": 9}
    assert [_written(shards, side, START + 200) for side in Side] == [{}, {}]

    shards.company(START + 300, ACCOUNT, trade=None)
    assert _written(shards, Side.MA, START + 310) == {"trade": None}
    assert [_written(shards, side, START + 400) for side in Side] == [{}, {}]


def test_a_company_of_very_many_tells_them_little_by_little() -> None:
    """Each is told, and no commit has more than its share; what is news again meanwhile goes to all, once."""
    moving, company = Moving(Decide(RULES), encode, decode), Lead(ACME)
    company.members.update({f"lead-{number:05}": START for number in range(20_000)})
    told: Counter[tuple[str, Scalar]] = Counter()
    news = seen(START, domain="acme.co.jp", trade="IT"), seen(START + 1, trade="Retail")
    queue: list[tuple[str, LeadChange]] = [(ACME, news[0])]
    number = 0
    while queue:
        number += 1
        there, event = queue.pop(0)
        if there != ACME:
            assert isinstance(event, LeadCompanyTold)
            told[there, event.data.values["trade"]] += 1
            continue
        step = moving.take(company, event, f"0-{number}")
        assert len(step.sent) <= 1_000
        assert len({each.id for _, each in step.sent}) == len(step.sent)
        queue += step.sent
        if event is news[0]:
            queue.append((ACME, news[1]))

    assert [told[f"lead-{each:05}", "Retail"] for each in range(20_000)] == [1] * 20_000
    assert told.total() < 21_500


def test_a_leaving_that_comes_late_ends_no_later_membership() -> None:
    """The company that it was before may hand it on after the lead has joined anew."""
    shards = Shards()
    shards.lead(START, "a@acme.co.jp")
    since = shards.known[ACME].members[LEAD_ID]
    for joined_at, members in ((since - 1, [LEAD_ID]), (since, [])):
        data = CompanyLeft(lead_id=LEAD_ID, joined_at=joined_at, left_at=since + MINUTE)
        left = LeadCompanyLeft(
            id="l", source="/test", subject=ACME, time="2026-09-21T00:00:00.000Z", data=data
        )
        shards.take(ACME, left)
        assert list(shards.known[ACME].members) == members


def test_a_merged_and_an_erased_lead_leave_their_company() -> None:
    """Who is gone isn't told any more."""
    for end in ("erased", "merged"):
        shards = Shards()
        shards.lead(START, "a@acme.co.jp")
        if end == "erased":
            shards.take(LEAD_ID, observed("ma", [], deleted=True, erased=True))
        else:
            shards.take(LEAD_ID, merged_into("01000000-0000-7000-8000-000000000000"))
        assert list(shards.known[ACME].members).count(LEAD_ID) == 0


def replace_data(event: LeadObserved, **more: object) -> LeadObserved:
    """Return *event* with other data."""
    return event.model_copy(update={"data": event.data.model_copy(update=more)})


def merged_into(lead_id: str) -> LeadChange:
    """Return that the lead is another one."""
    ref = Ref(system="hubspot", object="contact", id="101")
    data = MergedInto(into=lead_id, side="ma", ref=ref, moved_to=ref, noticed_at=START + MINUTE)
    return LeadMergedInto(id="m", source="/test", subject=LEAD_ID, time="2026-09-21T00:00:00.000Z", data=data)
