"""The parts of `tasuki replay`: what would differ, as tables and as CSV."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from schemas.instants import rfc3339
from services.cli.backfill import plain, print_table
from services.errors import Misconfigured

if TYPE_CHECKING:
    from services.sync.application.replay import Outcome
    from services.sync.consumers.replaying import Replayed

_HEADINGS = ("lead_id", "what", "at", "where", "name", "then", "then_by", "now", "now_by")


def show(found: "Replayed", console: Console) -> None:
    """Print how many differ, by field, milestone and side."""
    console.print(f"{found.changes:,} changes of leads decided again", markup=False)
    if found.unreadable:
        console.print(f"{found.unreadable:,} of them can't be read; see the dead letters", markup=False)
    if not found.differs:
        console.print("nothing would differ", markup=False)
        return
    fields = Counter((each.field, _rule(each.then), _rule(each.now)) for each in found.decisions)
    heads = ("decisions on", "then by", "now by", "how many")
    print_table(console, heads, [(*key, f"{count:,}") for key, count in sorted(fields.items())])
    milestones = Counter((each.milestone, _turn(each.then_at, each.now_at)) for each in found.milestones)
    heads = ("milestone", "it would", "leads")
    print_table(console, heads, [(*key, f"{count:,}") for key, count in sorted(milestones.items())])
    lacks = Counter((str(each.side), name) for each in found.lacking for name in each.fields)
    print_table(
        console,
        ("would be written on", "field", "records"),
        [(*key, f"{count:,}") for key, count in sorted(lacks.items())],
    )


def write(found: "Replayed", path: Path) -> None:
    """Write each difference to *path* as CSV, for its owner's eyes only. Raises Misconfigured."""
    try:
        path.touch(mode=0o600)
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            out = csv.writer(file)
            out.writerow(_HEADINGS)
            out.writerows([plain(each) for each in row] for row in _rows(found))
    except OSError as error:
        raise Misconfigured(f"{path}: can't be written: {error.strerror or error}") from error


def _rows(found: "Replayed") -> Iterator[tuple[Any, ...]]:
    for one in found.decisions:
        then, now = _said(one.then), _said(one.now)
        yield (one.lead_id, "decision", rfc3339(one.at), "", one.field, *then, *now)
    for each in found.milestones:
        instants = ("" if at is None else rfc3339(at) for at in (each.then_at, each.now_at))
        then_at, now_at = instants
        yield (each.lead_id, "milestone", "", f"cycle {each.cycle}", each.milestone, then_at, "", now_at, "")
    for lack in found.lacking:
        for name in lack.fields:
            yield (lack.lead_id, "write", "", f"{lack.side} {lack.slot}", name, "", "", "", "")


def _rule(outcome: "Outcome | None") -> str:
    if outcome is None:
        return "–"
    return f"{outcome.rule} ({outcome.winner})" if outcome.winner else outcome.rule


def _said(outcome: "Outcome | None") -> tuple[Any, str]:
    return ("", "") if outcome is None else (outcome.value, _rule(outcome))


def _turn(then: int | None, now: int | None) -> str:
    if then is None:
        return "be reached"
    return "not be reached" if now is None else "be reached at another time"
