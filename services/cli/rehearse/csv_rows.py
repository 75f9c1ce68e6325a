"""CSV files as people export them: UTF-8 with or without BOM or Shift_JIS, with a place for each bad row."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from itertools import islice
from pathlib import Path

from services.errors import Misconfigured

MAX_CELL_CHARS = 1_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `line` is the line of the file it begins on, from 1; `cells` by column name."""

    file: str
    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be used: where, which column (None: the whole row), why, and the row as read."""

    file: str
    line: int
    column: str | None
    problem: str
    cells: tuple[str, ...]

    def __str__(self) -> str:
        """Return ``file:line: column: problem``."""
        column = f"{self.column}: " if self.column else ""
        return f"{self.file}:{self.line}: {column}{self.problem}"


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file: its columns, its rows, and those that aren't rows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    bad: tuple[BadRow, ...]


def read_table(path: Path) -> Table:
    """
    Return what stands in *path*; a row that isn't one is kept aside and the next line begins a new row.

    Raises:
        Misconfigured: The file can't be read, or has no usable header.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path}: can't be read: {error.strerror}") from error
    encoding = _encoding(data)
    lines = list(StringIO(data.decode(encoding, errors="surrogateescape"), newline=""))
    delimiter = _delimiter(lines[0] if lines else "")
    csv.field_size_limit(max(csv.field_size_limit(), len(data) + 1))  # the limit is the whole process's
    first, used, _ = _parse(lines, 0, delimiter)
    columns = _header(path, first)
    rows: list[Row] = []
    bad: list[BadRow] = []
    at = used
    while at < len(lines):
        cells, used, error = _parse(lines, at, delimiter)
        problem = (None, error) if error else None
        if error is None and any(map(str.strip, cells)):
            problem = _problem(columns, cells, encoding)
        if problem is not None:
            bad.append(BadRow(str(path), at + 1, *problem, (lines[at].rstrip("\r\n"),)))
            used = 1
        elif any(map(str.strip, cells)):
            values = (each.strip() for each in cells)
            rows.append(Row(str(path), at + 1, dict(zip(columns, values, strict=True))))
        at += used
    return Table(columns, tuple(rows), tuple(bad))


def _encoding(data: bytes) -> str:
    """Return the encoding that most lines with other than ASCII signs are in; UTF-8 where that is even."""
    telling = [line for line in data.splitlines() if not line.isascii()]
    valid = sum(_decodes(line, "utf-8") for line in telling)
    return "utf-8-sig" if valid * 2 >= len(telling) else "cp932"


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(header: str) -> str:
    """Return the sign between cells, judged by the header line: comma, tab or semicolon."""
    return max(",\t;", key=header.count)


def _parse(lines: list[str], at: int, delimiter: str) -> tuple[list[str], int, str | None]:
    """Return the row that begins on line *at*, how many lines it takes, and what is wrong with its quotes."""
    reader = csv.reader(islice(lines, at, None), delimiter=delimiter, strict=True)
    try:
        cells = next(reader, list[str]())
    except csv.Error as error:
        return [], 1, f"its quotes don't fit: {error}"
    return cells, max(reader.line_num, 1), None


def _header(path: Path, first: list[str]) -> tuple[str, ...]:
    columns = tuple(each.strip() for each in first)
    if not any(columns):
        raise Misconfigured(f"{path}:1: has no header; the first line must name the columns")
    doubled = sorted({each for each in columns if columns.count(each) > 1})
    if doubled:
        raise Misconfigured(f"{path}:1: names a column twice: {', '.join(doubled)}; rename one of them")
    return columns


def _problem(columns: tuple[str, ...], cells: list[str], encoding: str) -> tuple[str | None, str] | None:
    """Return the column (None: the whole row) and what is wrong with it, or None."""
    if len(cells) != len(columns):
        return None, f"has {len(cells)} cells where the header has {len(columns)}"
    for name, cell in zip(columns, cells, strict=True):
        if "\0" in cell:
            return name, "holds a NUL character"
        if len(cell) > MAX_CELL_CHARS:
            return name, f"holds {len(cell)} characters; {MAX_CELL_CHARS} are taken"
        if any("\udc80" <= sign <= "\udcff" for sign in cell):
            return name, f"holds bytes that aren't {'UTF-8' if encoding == 'utf-8-sig' else 'Shift_JIS'}"
    return None
