"""What is to be rehearsed: the order as the command line gives it, and what its files say."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.cli.rehearse.column_map import load_map
from services.cli.rehearse.csv_rows import BadRow, read_table
from services.cli.rehearse.history import Fields, History, make_history
from services.cli.rehearse.map_check import deal_fields, lead_fields, mistakes_in
from services.cli.rehearse.promises import Promises, load_promises
from services.errors import Misconfigured
from services.sync.settings import loads, sandbox_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What to rehearse.

    `kill_every_s` None kills nothing; `rate` is acts a second, None as fast as can be; `faults`: the vendors misbehave;
    `promises` is a file with what is promised, see docs/rehearse.md.
    """

    leads: Path
    column_map: Path
    folder: Path
    deals: Path | None = None
    rate: float | None = None
    kill_every_s: float | None = None
    faults: bool = False
    promises: Path | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the files of *order* say; `currency` is that of the amounts, `promises` None where nothing is promised."""

    order: Order
    history: History
    currency: str
    promises: Promises | None

    @property
    def first_at(self) -> int:
        """When the history begins, epoch ms."""
        return min((deed.at for deed in self.history.deeds), default=0)


def prepare(order: Order) -> Rehearsal:
    """
    Read the files.

    Raises:
        Misconfigured: A file can't be read, or the map or the promises don't fit them or the built-in tasuki.toml.
    """
    column_map = load_map(order.column_map)
    leads = read_table(order.leads, column_map.encoding)
    deals = read_table(order.deals, column_map.encoding) if order.deals is not None else None
    if deals is not None and column_map.deals is None:
        raise Misconfigured(f"{order.column_map}: has no [deals], which --deals needs")
    settings = loads(sandbox_document(), {}, file="tasuki.toml", folder=order.folder, need_secrets=False)
    mistakes = mistakes_in(column_map, leads, deals, settings)
    if mistakes:
        raise Misconfigured("\n".join(f"{order.column_map}: {each}" for each in mistakes))
    bad = [*leads.bad, *(deals.bad if deals else ())]
    fields = Fields(lead_fields(settings), deal_fields(settings))
    rows = deals.rows if deals else ()
    history = make_history(leads.rows, rows, column_map, fields, bad=bad)
    promises = None if order.promises is None else load_promises(order.promises, order.folder)
    return Rehearsal(order, history, column_map.currency, promises)


def keep_aside(bad: Sequence[BadRow], folder: Path) -> Path | None:
    """
    Write the rows that were not used into one file, with place and reason; return it, None without any.

    None too where *folder* can't be written: the exports may lie where only reading is allowed.
    """
    if not bad:
        return None
    path = folder / "rows-kept-aside.csv"
    try:
        opened = path.open("w", encoding="utf-8", newline="")
    except OSError:
        return None
    with opened as out:
        writer = csv.writer(out)
        writer.writerow(("file", "line", "column", "problem", "row"))
        for each in bad:
            cells = (cell.encode("utf-8", "replace").decode() for cell in each.cells)
            writer.writerow((each.file, each.line, each.column or "", each.problem, "\t".join(cells)))
    return path
