"""The parts of `tasuki score`: what changed rules do, as a table and as CSV."""

import csv
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.backfill import plain
from services.sync.domain.score_preview import Effect, ScoreLine
from services.sync.domain.score_rules import Scoring

SHOWN = 10
_HEADINGS = ("lead_id", "email", "effect", "old_score", "new_score", "mql", "reasons")
_MEANINGS: Mapping[Effect, str] = {
    Effect.GAINS: "gain MQL: over the threshold, and not handed over yet",
    Effect.BELOW: "are MQL and fall under the threshold: they stay MQL",
    Effect.SCORE: "get another score, nothing else",
    Effect.SAME: "stay as they are",
}


@dataclass(slots=True)
class Preview:
    """How many leads the rules do what to, and the first of those who gain or fall."""

    effects: Counter[Effect] = field(default_factory=Counter[Effect])
    first: dict[Effect, list[ScoreLine]] = field(default_factory=dict[Effect, list[ScoreLine]])
    _writer: Any = None

    @contextmanager
    def written(self, path: Path | None) -> Generator[None]:
        """Write what is added within to *path*, which only its owner may read: it holds personal data."""
        if path is None:
            yield
            return
        path.touch(mode=0o600)
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            self._writer = csv.writer(file)
            self._writer.writerow(_HEADINGS)
            yield
            self._writer = None

    def add(self, line: ScoreLine) -> None:
        """Count *line*."""
        self.effects[line.effect] += 1
        if line.effect is Effect.SAME:
            return
        if line.effect is not Effect.SCORE:
            first = self.first.setdefault(line.effect, [])
            if len(first) < SHOWN:
                first.append(line)
        if self._writer is not None:
            mql = "yes" if line.is_mql else "no"
            row = (line.lead_id, line.email, line.effect.value, line.old, line.new, mql, line.reasons)
            self._writer.writerow([plain(each) for each in row])


def show(preview: Preview, scoring: Scoring, console: Console) -> None:
    """Print the counts, the first leads concerned, and how those who gain MQL are handed over."""
    table = Table("leads that", "how many", box=None, pad_edge=False, header_style="bold")
    for effect, meaning in _MEANINGS.items():
        table.add_row(meaning, f"{preview.effects[effect]:,}")
    console.print(table)
    for lines in preview.first.values():
        console.print()
        console.print(_leads(lines))
    gaining = preview.effects[Effect.GAINS]
    if gaining:
        console.print()
        console.print(_handing_over(gaining, scoring), markup=False, highlight=False, soft_wrap=True)


def _leads(lines: list[ScoreLine]) -> Table:
    table = Table("lead", "effect", "old", "new", "reasons", box=None, pad_edge=False, header_style="bold")
    table.columns[-1].overflow = "fold"
    for line in lines:
        cells = (line.lead_id, line.effect.value, str(line.old), str(line.new), line.reasons)
        table.add_row(*(Text(each) for each in cells))
    return table


def _handing_over(gaining: int, scoring: Scoring) -> str:
    if scoring.is_confirmed:
        return f"confirmed: the service hands these {gaining:,} over when it is started with these rules"
    return (
        f"each of these {gaining:,} is handed over with the next thing that raises its score; to hand them over "
        f'at once, write confirmed = "{scoring.mark_text}" into [scoring]'
    )
