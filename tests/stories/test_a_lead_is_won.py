"""The life of a lead that is won, told without any server: marketing's tool, tasuki, sales' tool."""

from services.sync.domain.records import Side
from tests.firm import DAY, HOUR, MINUTE, START, Story


def test_a_lead_goes_from_its_first_visit_to_the_order() -> None:
    """Taro Yamada visits the site, becomes an MQL, is called, becomes an SQL, and buys."""
    story = Story()

    # A visit is not enough: marketing keeps him to itself.
    story.marketing(
        START, email="taro@example.jp", last_name="山田", company="A社", job_title="製造部 部長", visits=2
    )
    assert story.lacks(Side.SFA) == {}

    # Two forms later he is over the threshold: sales gets him, with an owner, the reasons and a task.
    story.marketing(START + DAY, forms=2)
    assert story.reached("mql") == START + DAY
    sent = story.write(START + DAY + 200)
    assert [(each.side, each.slot) for each in sent] == [
        (Side.SFA, "lead"),
        (Side.SFA, "task:1"),
        (Side.MA, "lead"),
    ]
    assert story.there(Side.MA, "owner") == story.there(Side.SFA, "owner")
    assert story.there(Side.SFA, "score_reasons") == "フォーム +40、決裁者 +15、訪問 +4"
    assert story.told("handoff-offered")[0].qualified_at == START + DAY

    # Inside sales calls within half an hour, corrects his phone number, and finds it worth an opportunity.
    story.activity(START + DAY + 30 * MINUTE, "call")
    story.sales(START + DAY + 35 * MINUTE, phone="03-1234-5678", sfa_status="Qualified")
    assert story.reached("first_response") == START + DAY + 30 * MINUTE
    sent = story.write(START + DAY + 36 * MINUTE)
    assert [each.slot for each in sent] == ["lead", "opportunity:1", "lead"]
    assert story.there(Side.MA, "phone") == "03-1234-5678"

    # Field sales meets him, and wins; marketing sees each step.
    story.deal(START + 5 * DAY, stage="Discovery", amount=3_000_000)
    story.write(START + 5 * DAY + 200)
    assert story.there(Side.MA, "verdict") == "open"
    story.deal(START + 40 * DAY, stage="Won")
    story.write(START + 40 * DAY + 200)
    assert story.there(Side.MA, "verdict") == "won"
    assert story.there(Side.MA, "sales_amount") == 3_000_000

    # Nothing is left to do, and each milestone was told once, at its own time.
    assert story.lacks(Side.MA) == story.lacks(Side.SFA) == {}
    assert [
        (each.milestone, each.reached_at, each.previous_at) for each in story.told("milestone-reached")
    ] == [
        ("lead", START, None),
        ("mql", START + DAY, None),
        ("first_response", START + DAY + 30 * MINUTE, None),
        ("sql", START + DAY + 35 * MINUTE, None),
        ("opportunity", START + 5 * DAY, None),
        ("won", START + 40 * DAY, None),
    ]


def test_a_lead_is_given_back_and_comes_again() -> None:
    """No budget this year: sales gives her back; next spring she comes again, and it is a new cycle."""
    story = Story()
    story.marketing(START, email="hanako@example.jp", forms=3)
    story.write(START + 200)
    first_owner = story.there(Side.SFA, "owner")
    story.activity(START + HOUR)
    story.sales(START + 2 * HOUR, sfa_status="Recycled")
    story.write(START + 3 * HOUR)
    assert story.there(Side.SFA, "stage") == "recycled"

    # What she did before counts no more: two forms more are not enough, the third is.
    story.marketing(START + 200 * DAY, forms=5)
    assert story.reached("mql", 2) is None
    story.marketing(START + 201 * DAY, forms=6)
    assert [each.cycle for each in story.told("cycle-started")] == [2]

    # The same person of sales gets her, with a new task.
    sent = story.write(START + 201 * DAY + 200)
    assert [each.slot for each in sent] == ["lead", "task:2"]
    assert sent[1].fields["owner"] == first_owner
    assert (story.there(Side.SFA, "cycle"), story.there(Side.SFA, "stage")) == (2, "mql")


def test_both_sides_edit_at_once() -> None:
    """Marketing and sales change the same lead within a minute: the later word stands, and the trail says why."""
    story = Story()
    story.marketing(START, email="taro@example.jp", company="A社", forms=3)
    story.write(START + 200)
    story.marketing(START + HOUR, company="A社ホールディングス", phone="03-1111-1111")
    story.sales(START + HOUR + 30_000, company="エー社", opted_out=True)
    story.write(START + 2 * HOUR)

    assert story.there(Side.MA, "company") == story.there(Side.SFA, "company") == "エー社"
    assert story.there(Side.SFA, "phone") == "03-1111-1111"
    assert story.there(Side.MA, "opted_out") is True
    (company,) = [each for each in story.decisions if each.field == "company" and each.conflict]
    assert (company.rule, company.winner) == ("latest", "sfa")
    assert company.loser is not None
    assert company.loser.value == "A社ホールディングス"


def test_news_comes_late_and_out_of_order() -> None:
    """Sales' call comes in before the forms that made the MQL: in the end everything stands at its own time."""
    story = Story()
    story.sales(START, email="taro@example.jp")
    story.activity(START + 2 * HOUR, "call")
    story.marketing(START + HOUR, email="taro@example.jp", forms=3)
    assert story.reached("first_response") == START + 2 * HOUR

    # The call turns out to be another lead's: deleted, and the first response is taken back.
    story.activity(START + 2 * HOUR, "call", deleted=True)
    assert [each.milestone for each in story.told("milestone-retracted")] == ["first_response"]
