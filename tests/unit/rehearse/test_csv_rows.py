"""CSV files as people export them."""

from pathlib import Path

import pytest

from services.cli.rehearse.csv_rows import read_table
from services.errors import Misconfigured


def write(folder: Path, data: bytes) -> Path:
    """Put *data* into a file of *folder*."""
    path = folder / "leads.csv"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_the_encodings_of_japanese_spreadsheets_are_read(tmp_path: Path, encoding: str) -> None:
    """UTF-8 with and without BOM and Shift_JIS give the same rows."""
    table = read_table(write(tmp_path, "氏名,会社\n髙橋,株式会社サンプル\n".encode(encoding)))

    assert table.columns == ("氏名", "会社")
    assert table.rows[0].cells == {"氏名": "髙橋", "会社": "株式会社サンプル"}
    assert not table.bad


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_the_sign_between_cells_is_found(tmp_path: Path, delimiter: str) -> None:
    """Comma, tab and semicolon are told apart by the header."""
    table = read_table(write(tmp_path, f"a{delimiter}b\n1{delimiter}2\n".encode()))

    assert table.rows[0].cells == {"a": "1", "b": "2"}


def test_a_row_with_too_few_cells_is_kept_aside_with_its_line(tmp_path: Path) -> None:
    """The rest goes on, and lines are those of the file."""
    table = read_table(write(tmp_path, b"a,b\n1,2\n3\n\n5,6\n"))

    assert [row.line for row in table.rows] == [2, 5]
    assert [(bad.line, bad.column) for bad in table.bad] == [(3, None)]
    assert str(table.bad[0]).endswith("leads.csv:3: has 1 cells where the header has 2")


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    """The line after it begins a new row."""
    table = read_table(write(tmp_path, b'a,b\n1,"2\n3,4\n5,6\n'))

    assert [row.cells["a"] for row in table.rows] == ["3", "5"]
    assert [bad.line for bad in table.bad] == [2]


def test_line_breaks_within_quotes_belong_to_the_cell(tmp_path: Path) -> None:
    """The next row's line counts them."""
    table = read_table(write(tmp_path, b'a,b\n1,"two\nlines"\n3,4\n'))

    assert [(row.line, row.cells["b"]) for row in table.rows] == [(2, "two\nlines"), (4, "4")]


def test_bytes_of_another_encoding_cost_their_own_row_and_name_the_column(tmp_path: Path) -> None:
    """One broken cell doesn't turn a UTF-8 file into mojibake."""
    good = "山田,株式会社\n".encode() * 3
    table = read_table(write(tmp_path, "氏名,会社\n".encode() + good + b"\xe5\xb1,x\n"))

    assert len(table.rows) == 3
    assert [(bad.line, bad.column) for bad in table.bad] == [(5, "氏名")]


def test_a_nul_character_names_its_column(tmp_path: Path) -> None:
    """It is kept aside, not carried on."""
    table = read_table(write(tmp_path, b"a,b\n1,x\0y\n"))

    assert [(bad.line, bad.column, bad.problem) for bad in table.bad] == [(2, "b", "holds a NUL character")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no header"),
        (b",,\n1,2,3\n", "no header"),
        (b"PK\x03\x04...", "is an Excel workbook or another zip file, not CSV"),
        ("a,b\n1,2\n".encode("utf-16-le"), "looks like UTF-16 without its mark"),
    ],
)
def test_a_file_that_is_no_table_says_so(tmp_path: Path, data: bytes, said: str) -> None:
    """Nothing can be read then, so a person must mend the file."""
    with pytest.raises(Misconfigured, match=said):
        read_table(write(tmp_path, data))


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    """The message names the path."""
    with pytest.raises(Misconfigured, match=r"absent\.csv: can't be read"):
        read_table(tmp_path / "absent.csv")


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "euc_jp"])
def test_other_encodings_are_read_by_their_mark_or_by_name(tmp_path: Path, encoding: str) -> None:
    """A spreadsheet's Unicode text has a mark; for others the map says what they are."""
    text = {"cp1252": "Müller", "euc_jp": "髙橋商店"}.get(encoding, "髙橋")
    path = write(tmp_path, f"name\tfirm\n{text}\tx\n".encode(encoding, errors="ignore"))
    table = read_table(path, "auto" if encoding == "utf-16" else encoding)

    assert table.rows[0].cells["name"] == text.encode(encoding, errors="ignore").decode(encoding)
    assert not table.bad


def test_columns_without_a_name_or_with_one_twice_get_their_own(tmp_path: Path) -> None:
    """Reports name a column twice, and spreadsheets leave empty ones at the end; nobody must edit the export."""
    table = read_table(write(tmp_path, b"Email, Email,Created  Date,,\r\n"))

    assert table.columns == ("Email", "Email (2)", "Created Date", "column 4", "column 5")


@pytest.mark.parametrize("before", [b"\r\n\r\n", b"sep=;\r\n", b'\xef\xbb\xbf"sep=;"\r\n'])
def test_what_stands_before_the_header_is_passed_over(tmp_path: Path, before: bytes) -> None:
    """Blank lines, and the line by which Excel is told the sign between cells."""
    table = read_table(write(tmp_path, before + b"a;b\r\n1,5;2\r\n"))

    assert [row.cells for row in table.rows] == [{"a": "1,5", "b": "2"}]
    assert table.rows[0].line == before.count(b"\n") + 2


def test_a_sign_within_a_quoted_heading_does_not_mislead(tmp_path: Path) -> None:
    """Only what stands outside quotes parts cells."""
    table = read_table(write(tmp_path, b'"name, first, last";mail\na;b\n'))

    assert table.columns == ("name, first, last", "mail")


def test_a_footer_is_kept_aside(tmp_path: Path) -> None:
    """Reports end with a line or two about themselves."""
    table = read_table(write(tmp_path, b'a,b\n1,2\n\n"Copyright (c) 2026 a vendor"\n'))

    assert len(table.rows) == 1
    assert [bad.line for bad in table.bad] == [4]


@pytest.mark.timeout(30)  # read once it takes a second; read again for each bad row, minutes
def test_a_large_file_with_many_broken_rows_is_read_once(tmp_path: Path) -> None:
    """A quote that is never closed in each hundredth row costs no second reading of what follows."""
    rows = 60_000
    lines = [f"{n},{'' if n % 100 else chr(34)}somebody{n}@example.com,x\n" for n in range(rows)]
    table = read_table(write(tmp_path, ("id,mail,more\n" + "".join(lines)).encode()))

    assert len(table.rows) + len(table.bad) == rows
