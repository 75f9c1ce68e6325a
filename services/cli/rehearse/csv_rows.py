"""CSV files as people export them, in the usual encodings, with a place for each row that can't be used."""

import codecs
import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from services.errors import Misconfigured

MAX_CELL_CHARS = 1_000_000
_KINDS = {
    b"PK\x03\x04": "an Excel workbook or another zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "compressed by gzip",
}
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEPARATORS = ",\t;|"
_QUOTED = re.compile(r'"[^"]*"')
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Cells(Mapping[str, str]):
    """A row's cells by column name; the rows of a file share the names."""

    places: Mapping[str, int]
    texts: tuple[str, ...]

    def __getitem__(self, name: str) -> str:
        """Return the cell of the column *name*."""
        return self.texts[self.places[name]]

    def __iter__(self) -> Iterator[str]:
        """Yield the columns."""
        return iter(self.places)

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.places)


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


def read_table(path: Path, encoding: str = "auto") -> Table:
    """
    Return what stands in *path*; a row that isn't one is kept aside and the next line begins a new row.

    Args:
        path: The file.
        encoding: A codec's name; ``auto`` tells UTF-8, UTF-16 with its mark and Shift_JIS apart.

    Raises:
        Misconfigured: The file can't be read, or has no usable header.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path}: can't be read: {error.strerror}") from error
    codec = _encoding(path, data) if encoding == "auto" else encoding
    # What can't be decoded stays in its cell as a mark, so that its row is kept aside and no other.
    errors = "surrogateescape" if codec in {"utf-8-sig", "cp932"} else "replace"
    lines = _Lines(StringIO(data.decode(codec, errors=errors), newline=""))
    del data
    csv.field_size_limit(MAX_CELL_CHARS)  # the whole process's; an open quote is given up there too
    delimiter = lines.skip_to_header()
    cells, _ = lines.row(delimiter)
    columns = _header(path, cells or [])
    places = {name: place for place, name in enumerate(columns)}
    rows: list[Row] = []
    bad: list[BadRow] = []
    while lines.left:
        start = lines.at
        cells, error = lines.row(delimiter)
        if cells is not None and not any(map(str.strip, cells)):
            continue
        problem = (None, error) if cells is None else _problem(columns, cells, codec)
        if problem is not None:
            bad.append(BadRow(str(path), start + 1, *problem, (lines.all[start].rstrip("\r\n"),)))
            lines.go(start + 1)
        elif cells is not None:
            rows.append(Row(str(path), start + 1, Cells(places, tuple(map(str.strip, cells)))))
    return Table(columns, tuple(rows), tuple(bad))


class _Lines:
    """The lines of a file, of which csv's reader takes as many as a row needs; one can go back."""

    def __init__(self, text: StringIO) -> None:
        self.all = list(text)
        self.at = 0

    @property
    def left(self) -> bool:
        """Whether there are lines left."""
        return self.at < len(self.all)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self.left:
            raise StopIteration
        self.at += 1
        return self.all[self.at - 1]

    def go(self, at: int) -> None:
        """Go on with the line *at*, counted from 0."""
        self.at = at

    def skip_to_header(self) -> str:
        """Go to the header, over blank lines and Excel's ``sep=``; return the sign between cells."""
        named: str | None = None
        while self.left:
            line = self.all[self.at]
            found = _SEP_LINE.fullmatch(line)
            if found is None and line.strip():
                bare = _QUOTED.sub("", line)
                return named or max(_SEPARATORS, key=bare.count)
            named = found[1] if found else named
            self.at += 1
        return ","

    def row(self, delimiter: str) -> tuple[list[str] | None, str]:
        """Return the next row; None and what is wrong with it where its quotes don't fit."""
        try:
            return next(csv.reader(self, delimiter=delimiter, strict=True), list[str]()), ""
        except csv.Error as error:
            return None, f"its quotes don't fit: {error}"


def _encoding(path: Path, data: bytes) -> str:
    """
    Return the encoding that most lines with other than ASCII signs are in; UTF-8 where that is even.

    Raises:
        Misconfigured: It is no text.
    """
    for begin, kind in _KINDS.items():
        if data.startswith(begin):
            raise Misconfigured(f"{path}: is {kind}, not CSV; export or save it as CSV (UTF-8)")
    if data.startswith(_WIDE):
        return "utf-16"
    if data[:1_000].count(0) * 3 > len(data[:1_000]):
        raise Misconfigured(
            f'{path}: looks like UTF-16 without its mark; save it as UTF-8, or say encoding = "utf-16-le" in the map'
        )
    if _decodes(data, "utf-8"):
        return "utf-8-sig"
    telling = [line for line in data.splitlines() if not line.isascii()]
    valid = sum(_decodes(line, "utf-8") for line in telling)
    return "utf-8-sig" if valid * 2 >= len(telling) else "cp932"


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _header(path: Path, first: list[str]) -> tuple[str, ...]:
    """Return a name for each column: one without is ``column 3``, a second ``mail`` is ``mail (2)``."""
    if not any(each.strip() for each in first):
        raise Misconfigured(f"{path}:1: has no header; the first line must name the columns")
    names: list[str] = []
    for place, each in enumerate(first, 1):
        name = " ".join(each.split()) or f"column {place}"
        count = 1
        unique = name
        while unique in names:
            count += 1
            unique = f"{name} ({count})"
        names.append(unique)
    return tuple(names)


def _problem(columns: tuple[str, ...], cells: list[str], codec: str) -> tuple[str | None, str] | None:
    """Return the column (None: the whole row) and what is wrong with it, or None."""
    if len(cells) != len(columns):
        return None, f"has {len(cells)} cells where the header has {len(columns)}"
    for name, cell in zip(columns, cells, strict=True):
        if "\0" in cell:
            return name, "holds a NUL character"
        if "\ufffd" in cell or (not cell.isascii() and any("\udc80" <= sign <= "\udcff" for sign in cell)):
            known = {"utf-8-sig": "UTF-8", "cp932": "Shift_JIS"}.get(codec, codec)
            return name, f"holds bytes that aren't {known}"
    return None
