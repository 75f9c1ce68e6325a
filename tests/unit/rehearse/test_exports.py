"""Exports of other firms' tools, each with its map: what they become, and what is said where they don't fit."""

from pathlib import Path

import pytest

from services.cli.rehearse.history import History, PersonMade, StageSet
from services.cli.rehearse.order import Order, prepare
from services.errors import Misconfigured
from services.sync.domain.rules import Milestone

SALESFORCE = """"First Name","Last Name","Company / Account","Email","Created Date","Lead Source","Email"
"Taro","山田","山田製作所","Taro@Yamada.example","01/04/2024 9:30 AM","Web",""
"Hanako","佐藤","","hanako@sato.example","31/12/2024 12:05 AM","Web",""
"Taro","山田","山田製作所","taro@yamada.example","02/04/2024 9:30 AM","Web",""
"No","Mail","x","","02/04/2024 9:30 AM","Web",""
"Copyright (c) 2000-2026 a vendor, inc. All rights reserved."
"""
SALESFORCE_MAP = """
[leads]
id = "Email"
at = "Created Date"
at_format = ["%d/%m/%Y", "%d/%m/%Y %I:%M %p"]
[leads.fields]
email = "Email"
last_name = "Last Name"
company = "Company / Account"
source = "Lead Source"
"""
KINTONE = """レコード番号,メールアドレス,会社名,氏名,登録日,商談化日,受注日,失注日,受注金額,確度,閲覧数
1,a@x.jp,Ａ社,山田　太郎,2024年4月1日,2024/4/2,2024/5/1,,120万円,A,"1,204"
2,b@x.jp,Ｂ社,佐藤,2024年4月1日,2024/4/3,,2024/5/2,,C,
3,c@x.jp,Ｃ社,鈴木,2024年4月1日,,,,,C,3.0
4,d@x.jp,Ｄ社,高橋,2024年4月1日,2024/6/3,2024/5/2,,1円,A,0
5,e@x.jp,Ｅ社,田中,2024年4月1日,2024/4/3,2024/5/2,,たくさん,A,0
6,f@x.jp,Ｆ社,伊藤,2024年4月1日,2024/4/3,2024/5/2,,,－,0
"""
KINTONE_MAP = """
empty = ["－"]
[leads]
id = "レコード番号"
at = "登録日"
[leads.fields]
email = "メールアドレス"
company = "会社名"
last_name = "{氏名}"
[leads.behaviour]
visits = "閲覧数"
[deals]
lead = "レコード番号"
[[deals.steps]]
milestone = "sql"
at = "商談化日"
[[deals.steps]]
milestone = "won"
at = "受注日"
fields = { amount = "受注金額" }
when = { "確度" = ["A", "B"] }
[[deals.steps]]
milestone = "lost"
at = "失注日"
"""


def prepared(folder: Path, data: bytes, column_map: str, *, deals: bytes | None = None) -> History:
    """Return what the files say; the deals stand in the leads' file where *deals* is empty."""
    leads = folder / "leads.csv"
    leads.write_bytes(data)
    (folder / "map.toml").write_text(column_map, encoding="utf-8")
    given = None
    if deals is not None:
        given = folder / "deals.csv" if deals else leads
        if deals:
            given.write_bytes(deals)
    return prepare(Order(leads=leads, column_map=folder / "map.toml", folder=folder, deals=given)).history


def places(history: History) -> list[tuple[int, str | None]]:
    """Return line and column of what was kept aside."""
    return [(each.line, each.column) for each in history.bad]


def test_a_salesforce_report_with_days_before_months(tmp_path: Path) -> None:
    """Its footer, somebody without an address and somebody who stands twice are kept aside."""
    history = prepared(tmp_path, SALESFORCE.encode("utf-8-sig"), SALESFORCE_MAP)

    people = [each for each in history.deeds if isinstance(each, PersonMade)]
    assert [each.at for each in people] == [1_711_931_400_000, 1_735_571_100_000]
    assert people[0].fields["email"] == "taro@yamada.example"
    assert "company" not in people[1].fields
    assert places(history) == [(6, None), (4, "Email"), (5, "Email")]
    assert "stands in line 2 already" in history.bad[1].problem


def test_a_kintone_export_with_both_in_one_file(tmp_path: Path) -> None:
    """Shift_JIS, Japanese headings, amounts in 万円, steps whose cells are empty, words for nothing."""
    history = prepared(tmp_path, KINTONE.replace("\n", "\r\n").encode("cp932"), KINTONE_MAP, deals=b"")

    steps = [
        (each.lead, each.milestone, dict(each.fields)) for each in history.deeds if isinstance(each, StageSet)
    ]
    assert sorted(steps) == [
        ("1", Milestone.SQL, {}),
        ("1", Milestone.WON, {"amount": "1200000"}),
        ("2", Milestone.LOST, {}),
        ("2", Milestone.SQL, {}),
        ("6", Milestone.SQL, {}),
    ]
    counters = {each.lead: each.counters for each in history.deeds if isinstance(each, PersonMade)}
    assert (counters["1"], counters["2"], counters["3"]) == ({"visits": 1_204}, {}, {"visits": 3})
    assert places(history) == [(5, "レコード番号"), (6, "受注金額")]
    assert "'4' got to 'won' before 'sql'" in history.bad[0].problem
    assert "'たくさん' is no number" in history.bad[1].problem


@pytest.mark.parametrize(
    ("heading", "delimiter", "encoding"),
    [("hubspot", ",", "utf-8"), ("german", ";", "utf-8"), ("unicode text", "\t", "utf-16")],
)
def test_the_same_in_other_shapes(tmp_path: Path, heading: str, delimiter: str, encoding: str) -> None:
    """Line breaks in cells, other signs between cells, a spreadsheet's Unicode text."""
    rows = [
        ("Record ID", "Email", "Message", "Create Date"),
        ("101", "a@x.jp", f'"{heading}\nsays ""hello"""', "1711931400000"),
        ("102", "b@x.jp", "", "2024-04-01T00:30:00Z"),
    ]
    data = "\n".join(delimiter.join(row) for row in rows).encode(encoding)
    column_map = '[leads]\nid = "Record ID"\nat = "Create Date"\n[leads.fields]\nemail = "Email"\nlast_name = "Message"\n'
    people = [each for each in prepared(tmp_path, data, column_map).deeds if isinstance(each, PersonMade)]

    assert [(each.lead, each.at, each.row.line) for each in people] == [
        ("101", 1_711_931_400_000, 2),
        ("102", 1_711_931_400_000, 4),
    ]
    assert people[0].fields["last_name"] == f'{heading}\nsays "hello"'


def test_a_file_without_times_is_spread_out(tmp_path: Path) -> None:
    """From a fixed time on, each row so much after the one before; deals follow their lead."""
    column_map = """
[leads]
id = "n"
at = "2024-01-01"
every = "1m"
fields = { email = "{n}@x.jp", source = "=n" }
[deals]
lead = "n"
steps = [{ milestone = "sql", after = "1h", when = { done = "1" } }]
"""
    history = prepared(tmp_path, b"n,done\n1,0\n2,1\n", column_map, deals=b"")

    start = 1_704_034_800_000
    assert [each.at - start for each in history.deeds] == [0, 60_000, 3_660_000]
    first = history.deeds[0]
    assert isinstance(first, PersonMade)
    assert first.fields["source"] == "n"


def test_everything_that_is_wrong_with_a_map_is_told_at_once(tmp_path: Path) -> None:
    """Before anything starts, each with its key and a mend: a misspelt column would stand in every row as text."""
    column_map = """
[leads]
id = "Recordid"
at = "made"
fields = { email = "E-Mail", colour = "x", owner = "x", last_name = "{nmae}" }
behaviour = { visist = 3, forms = "Formz" }
[deals]
lead = "record id"
[[deals.steps]]
milestone = "won"
at = "won on"
fields = { amout = "yen" }
when = { Resutl = "won" }
[[deals.steps]]
milestone = "mql"
"""
    data = b"record id,made,email,name,won_on,result,forms\n"
    with pytest.raises(Misconfigured) as error:
        prepared(tmp_path, data, column_map, deals=b"")

    said = str(error.value).splitlines()
    expected = (
        'leads.id: "Recordid" is no column; did you mean "record id"?',
        'leads.fields.email: "E-Mail" is no column; did you mean "email"? If the text itself is meant',
        'leads.fields.last_name: "nmae" is no column',
        "leads.fields.colour: tasuki.toml has no such field; it has email, last_name",
        "leads.fields.owner: owners are the sandboxes' own people",
        "leads.behaviour.visist: is no counter of tasuki.toml",
        'leads.behaviour.forms: "Formz" is no column',
        'deals.steps[1].at: "won on" is no column; did you mean "won_on"?',
        "deals.steps[1].fields.amout: tasuki.toml has no such field",
        'deals.steps[1].when.Resutl: "Resutl" is no column; did you mean "result"?',
        "deals.steps[2].milestone: no stage in [[stages]] of tasuki.toml means",
        'deals.steps: has "won" and no "sql"',
    )
    for each in expected:
        assert any(
            f"map.toml: {each.replace(chr(34), chr(39))}" in line.replace(chr(34), chr(39)) for line in said
        ), each
    assert all("map.toml: " in line for line in said)
