"""Rows become a history in the order of time."""

from pathlib import Path

import pytest

from services.cli.rehearse.column_map import ColumnMap, load_map
from services.cli.rehearse.csv_rows import Row
from services.cli.rehearse.history import Fields, History, PersonMade, StageSet
from services.cli.rehearse.history import make_history as make
from services.cli.rehearse.map_check import deal_fields, lead_fields
from services.errors import Misconfigured
from services.sync.domain.rules import Milestone
from services.sync.settings import loads, sandbox_document

SETTINGS = loads(sandbox_document(), {}, file="tasuki.toml", folder=Path(), need_secrets=False)
FIELDS = Fields(lead_fields(SETTINGS), deal_fields(SETTINGS))
MAP = ColumnMap.model_validate(
    {
        "time_zone": "Asia/Tokyo",
        "leads": {
            "id": "no",
            "at": "made",
            "fields": {
                "email": "{no}@x.example",
                "last_name": "name",
                "source": "web",
                "company": "{name:.2}社",
            },
            "behaviour": {"forms": 2},
        },
        "deals": {
            "lead": "no",
            "steps": [
                {"milestone": "sql", "at": "won", "before": "1s"},
                {"milestone": "won", "at": "won", "fields": {"amount": "yen"}, "when": {"result": "ok"}},
            ],
        },
    }
)


def make_history(leads: list[Row], deals: list[Row], column_map: ColumnMap) -> History:
    """Return the history of the built-in configuration's fields."""
    return make(leads, deals, column_map, FIELDS)


def lead(no: str, made: str, name: str = "山田太郎", line: int = 2) -> Row:
    """Return a row of the leads' file."""
    return Row("leads.csv", line, {"no": no, "made": made, "name": name})


def deal(no: str, won: str, result: str = "ok", line: int = 2) -> Row:
    """Return a row of the deals' file."""
    return Row("deals.csv", line, {"no": no, "won": won, "yen": "1000", "result": result})


def test_columns_texts_and_braces_fill_fields() -> None:
    """A bare column name stands for its cell, braces are filled, the rest is taken as it is."""
    person = make_history([lead("1", "2024-04-01")], [], MAP).deeds[0]

    assert isinstance(person, PersonMade)
    assert person.fields == {
        "email": "1@x.example",
        "last_name": "山田太郎",
        "source": "web",
        "company": "山田社",
    }
    assert person.counters == {"forms": 2}


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2024-04-01", 1_711_897_200_000),
        ("2024/04/01", 1_711_897_200_000),
        ("2024-04-01 09:30:00", 1_711_931_400_000),
        ("2024-04-01T00:30:00+00:00", 1_711_931_400_000),
    ],
)
def test_times_without_an_offset_are_in_the_map_s_zone(text: str, at: int) -> None:
    """A day begins at midnight there."""
    assert make_history([lead("1", text)], [], MAP).deeds[0].at == at


def test_steps_are_shifted_and_taken_only_when_they_fit() -> None:
    """`before` and `when` are heeded."""
    rows = [deal("1", "2024-05-01"), deal("1", "2024-06-01", "no", line=3)]
    deeds = [
        each
        for each in make_history([lead("1", "2024-04-01")], rows, MAP).deeds
        if isinstance(each, StageSet)
    ]

    assert [each.milestone for each in deeds] == [Milestone.SQL, Milestone.WON, Milestone.SQL]
    assert deeds[1].at - deeds[0].at == 1_000
    assert deeds[1].fields == {"amount": "1000"}


def test_a_deal_dated_before_its_lead_follows_it_all_the_same() -> None:
    """Nobody can win a person who isn't there; the times stay as they are."""
    deeds = make_history([lead("1", "2024-04-01")], [deal("1", "2024-03-01")], MAP).deeds

    assert isinstance(deeds[0], PersonMade)
    assert deeds[1].at < deeds[0].at


def test_bad_rows_are_kept_aside_with_file_line_and_column() -> None:
    """An empty or doubled id, a bad time, a deal without a lead; the others are played."""
    history = make_history(
        [
            lead("1", "2024-04-01"),
            lead("", "2024-04-01", line=3),
            lead("1", "2024-04-02", line=4),
            lead("2", "x", line=5),
        ],
        [deal("9", "2024-05-01", line=6)],
        MAP,
    )

    assert [(bad.file, bad.line, bad.column) for bad in history.bad] == [
        ("leads.csv", 3, "no"),
        ("leads.csv", 4, "no"),
        ("leads.csv", 5, "made"),
        ("deals.csv", 6, "no"),
    ]
    assert len(history.deeds) == 1


def test_a_map_tells_all_its_mistakes_at_once(tmp_path: Path) -> None:
    """Each with its key."""
    path = tmp_path / "map.toml"
    path.write_text('time_zone = "Nowhere"\n[leads]\nid = "a"\nat = "b"\ncolour = "c"\n', encoding="utf-8")

    with pytest.raises(Misconfigured) as error:
        load_map(path)

    assert "time_zone" in str(error.value)
    assert "leads.colour" in str(error.value)
