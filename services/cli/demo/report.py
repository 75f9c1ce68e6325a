"""The verdict on the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.demo.board import Board
from services.cli.demo.figures import Kpis
from services.cli.demo.judge import Verdict, What
from services.cli.demo.screen import funnel
from services.cli.demo.texts import Texts

_LISTED = 20


def show_verdict(verdict: Verdict, board: Board, texts: Texts, console: Console) -> None:
    """Print what came of the demo, each difference and loss in its own line."""
    console.print(funnel(board, texts))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in _rows(verdict, board, texts):
        table.add_row(texts.rows[name], value)
    console.print(table)
    faults = [
        *(str(each) for each in verdict.losses),
        *(str(each) for each in verdict.comparison.differences),
        *board.dead_letters,
        *verdict.kpis.faults,
    ]
    for fault in faults[:_LISTED]:
        console.print(f"- {fault}", style="red", markup=False, soft_wrap=True)
    if len(faults) > _LISTED:
        console.print(f"- … + {len(faults) - _LISTED}", style="red")
    for refused in board.acts_refused[:_LISTED]:
        console.print(f"- {refused}", style="yellow", markup=False, soft_wrap=True)
    for name, reason in verdict.kpis.left_out.items():
        console.print(
            texts.left_out.format(name=name, reason=reason), style="dim", markup=False, soft_wrap=True
        )
    mark, style = ("✓", "bold green") if verdict.good else ("✗", "bold red")
    said = texts.equal if verdict.good else texts.wrong_figures if verdict.synced else texts.not_equal
    console.print(Text(f"{mark} {said}", style=style))


def _rows(verdict: Verdict, board: Board, texts: Texts) -> list[tuple[str, str]]:
    comparison, found, alerts = verdict.comparison, board.latencies(), verdict.kpis.alerts
    latency = f" ({found[0]} ms / {found[1]} ms)" if found else ""
    rows = [
        ("leads", f"{verdict.known} / {verdict.leads}"),
        ("pairs", str(comparison.pairs)),
        ("fields", str(comparison.fields)),
        ("differences", str(len(comparison.differences))),
        ("mqls", f"{verdict.kept(What.HANDOFF, verdict.qualified)} / {verdict.qualified}"),
        ("opt_outs", f"{verdict.kept(What.CONSENT, verdict.opted_out)} / {verdict.opted_out}"),
        ("lost", str(len(verdict.losses))),
        ("handoffs", f"{len(board.handoffs)}{latency}"),
        ("decisions", f"{board.decisions} ({board.conflicts})"),
        ("dead_letters", str(verdict.dead_letters)),
        ("recount", _recount(verdict.kpis, texts)),
        ("alerts", f"{alerts.told} / {alerts.arrived} / {alerts.doubled}"),
    ]
    if alerts.again:
        rows.append(("alerts_again", str(alerts.again)))
    if board.acts_refused:
        rows.append(("refused", str(len(board.acts_refused))))
    if board.kills:
        rows.append(("kills", str(board.kills)))
    return rows


def _recount(kpis: Kpis, texts: Texts) -> str:
    if kpis.skipped:
        return texts.no_recount.format(reason=kpis.skipped)
    return texts.recounted.format(figures=kpis.figures, differences=len(kpis.differences))
