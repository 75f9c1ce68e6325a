"""Tables as CSV, for a spreadsheet that runs formulas."""

from services.kpi.adapters.feed.tables import to_csv


def test_what_a_spreadsheet_would_run_is_text_and_numbers_stay_numbers() -> None:
    """An apostrophe stands before a formula, and before nothing else."""
    told = to_csv([{"a": "=1+1", "b": "@x", "c": -1.5, "d": "山田"}]).decode("utf-8-sig")

    assert told.splitlines() == ["a,b,c,d", "'=1+1,'@x,-1.5,山田"]
