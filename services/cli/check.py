"""Asks each connector how it stands, and shows what it found: the second half of `tasuki check`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.cli.exits import ExitCode
from services.sync.application.ports import Connector, Finding, Severity

_STYLES = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.ERROR: "bold red"}


@dataclass(frozen=True, slots=True)
class Checked:
    """One finding of one system."""

    system: str
    finding: Finding


async def ask(connectors: Iterable[Connector]) -> Sequence[Checked]:
    """Return the findings of *connectors*, one connector after the other; opens and closes each."""
    checked: list[Checked] = []
    for connector in connectors:
        await connector.start()
        try:
            checked += [Checked(connector.system, finding) for finding in await connector.check()]
        finally:
            await connector.close()
    return checked


def show(checked: Sequence[Checked], console: Console) -> None:
    """Print *checked* as a table, in the order in which it was found, and the count of each severity."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("", "system", "what", "how it stands"):
        table.add_column(heading, overflow="fold")
    for each in checked:
        finding = each.finding
        detail = Text(finding.detail)
        if finding.mend and finding.severity is not Severity.OK:
            detail.append(f"\n→ {finding.mend}", style="green")
        severity = Text(finding.severity.value, style=_STYLES[finding.severity])
        table.add_row(severity, Text(each.system), Text(finding.subject), detail)
    console.print(table)
    severities = [each.finding.severity for each in checked]
    counts = (f"{severities.count(each)} {each}" for each in Severity if each in severities)
    console.print(Text(", ".join(counts) or "nothing to check", style="bold"))


def exit_code(checked: Iterable[Checked]) -> ExitCode:
    """Return NEGATIVE when any finding is an error; warnings let a script go on."""
    worst = any(each.finding.severity is Severity.ERROR for each in checked)
    return ExitCode.NEGATIVE if worst else ExitCode.OK
