"""What the commands print: results on standard output, what went wrong on standard error."""

from rich.console import Console
from rich.text import Text

from services.sync.settings import ConfigurationErrors, Mistake


def standard_output() -> Console:
    """Return the console for results; colours only on a terminal, none with NO_COLOR."""
    return Console(highlight=False)


def standard_error() -> Console:
    """Return the console for what went wrong; lines are not wrapped, so that editors find the place."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def show_mistakes(errors: ConfigurationErrors) -> None:
    """Print every mistake with its place and its mend, and how many there are."""
    console = standard_error()
    for mistake in errors.mistakes:
        console.print(_mistake_text(mistake))
    count = len(errors.mistakes)
    console.print(Text(f"{count} mistake{'s' if count > 1 else ''} in the configuration", style="bold"))


def show_error(message: str) -> None:
    """Print one error that is no bug."""
    standard_error().print(Text.assemble(("error: ", "bold red"), message))


def _mistake_text(mistake: Mistake) -> Text:
    subject = f"{mistake.key}: " if mistake.key else ""
    return Text.assemble(
        (mistake.place, "bold"), ": ", (subject, "cyan"), mistake.problem, "\n    ", (mistake.mend, "green")
    )
