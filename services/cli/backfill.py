"""The parts of `tasuki backfill`: what a dry run found, as tables and as CSV, and how a filling goes on."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.sync.domain.preview import Line, What

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADINGS = ("lead_id", "email", "what", "side", "record", "field", "there", "becomes", "rule")
_MEANINGS: Mapping[What, str] = {
    What.LINKED: "leads that stand on both sides, and become one",
    What.ONLY: "leads that stand on this side only, and stay there",
    What.CREATE: "people made on this side",
    What.CHANGE: "people changed on this side",
    What.MARK: "people who get our id on this side",
    What.CONFLICT: "leads of which both sides say something else",
    What.SEVERAL: "leads that have several records on this side",
    What.NO_EMAIL: "people without an e-mail address: found on the other side by nothing",
    What.HISTORY: "leads that qualified before: not handed over (see --hand-over)",
    What.TASK: "tasks made for inside sales",
    What.OPPORTUNITY: "deals made for field sales",
    What.COMPANY_LINKED: "companies that stand on both sides, and become one",
    What.COMPANY_ONLY: "companies that stand on this side only, and stay there",
    What.COMPANY_CHANGE: "companies changed on this side",
    What.COMPANY_SEVERAL: "companies that have several records on this side",
    What.COMPANY_CONFLICT: "companies of which both sides say something else",
}

_CHANGES = frozenset({What.CHANGE, What.COMPANY_CHANGE})
_CONFLICTS = frozenset({What.CONFLICT, What.COMPANY_CONFLICT})


@dataclass(slots=True)
class Summary:
    """
    The counts of a dry run: leads and companies by what and side; fields changed by side; conflicts by field, rule and
    winner.
    """

    leads: Counter[tuple[What, str]] = field(default_factory=Counter[tuple[What, str]])
    fields: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    conflicts: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])

    def add(self, line: Line, seen: set[tuple[str, What, str]]) -> None:
        """Count *line*; each lead once for each what and side, as *seen* remembers."""
        side = "" if line.what in _CONFLICTS else line.side
        key = (line.lead_id, line.what, side)
        if key not in seen:
            seen.add(key)
            self.leads[line.what, side] += 1
        if line.what in _CHANGES:
            self.fields[line.side, line.field] += 1
        if line.what in _CONFLICTS:
            self.conflicts[line.field, line.rule, line.side] += 1


def summed(lines: Iterable[Line], path: Path | None = None) -> Summary:
    """Return the counts of *lines*, and write them to *path* as CSV on the way, for its owner's eyes only."""
    summary, lead_id = Summary(), ""
    seen: set[tuple[str, What, str]] = set()
    for line in lines if path is None else _written(lines, path):
        if line.lead_id != lead_id:
            lead_id = line.lead_id
            seen.clear()
        summary.add(line, seen)
    return summary


def _written(lines: Iterable[Line], path: Path) -> "Iterator[Line]":
    path.touch(mode=0o600)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADINGS)
        for line in lines:
            writer.writerow([plain(each) for each in line])
            yield line


def plain(value: object) -> str:
    """Return *value* for a spreadsheet, which must take no text of a stranger's for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} and isinstance(value, str) else text


def show(summary: Summary, read: Mapping[str, int], unrelated: int, console: Console) -> None:
    """Print the counts."""
    print_table(console, ("read", "records"), [(name, f"{count:,}") for name, count in read.items()])
    rows = [
        (_MEANINGS[what], side, f"{count:,}")
        for (what, side), count in sorted(
            summary.leads.items(), key=lambda each: (list(What).index(each[0][0]), each[0][1])
        )
    ]
    if unrelated:
        rows.append(("records left aside: nobody's we know, or not readable", "", f"{unrelated:,}"))
    print_table(console, ("what would be done", "side", "how many"), rows)
    fields = [(side, name, f"{count:,}") for (side, name), count in sorted(summary.fields.items())]
    print_table(console, ("changed on", "field", "records"), fields)
    conflicts = [
        (name, rule, side or "each keeps its own", f"{count:,}")
        for (name, rule, side), count in sorted(summary.conflicts.items())
    ]
    print_table(console, ("conflict in", "policy", "wins", "records"), conflicts)


def print_table(console: Console, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print *rows* under *headings*, and nothing where there are none."""
    if not rows:
        return
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
    console.print()


def progress(backfill: Mapping[str, Any] | None) -> str:
    """Return in a line how the filling of ``GET /status`` does."""
    if backfill is None:
        return "no backfill was ordered"
    read = sum(backfill["read"].values())
    words = {
        "ordered": "ordered: the service begins within seconds",
        "reading": f"reading: {read:,} records so far",
        "writing": f"read {read:,} records; {backfill['waiting']:,} leads are still to be written",
        "done": f"done: {read:,} records read, nothing left to write",
    }
    return words[backfill["phase"]]
