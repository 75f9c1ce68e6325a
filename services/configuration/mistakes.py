"""What is wrong in a configuration: one `Mistake` each, all of them in one `ConfigurationErrors`."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from services.errors import Misconfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """
    One thing a person must change.

    `file` is the file as the person named it, or ``environment``. `line` and `column` count from 1; both are
    None where there is no text to point at. `key` is the key's path (``fields[email].policy``) or the name
    of the variable; empty for the file as a whole.
    """

    file: str
    problem: str
    mend: str
    key: str = ""
    line: int | None = None
    column: int | None = None

    @property
    def place(self) -> str:
        """Return ``file:line:column``, as far as known."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        """Return the mistake on one line and its mend on the next."""
        subject = f"{self.key}: " if self.key else ""
        return f"{self.place}: {subject}{self.problem}\n    {self.mend}"


class ConfigurationErrors(Misconfigured):
    """All mistakes found in one go, each once, ordered by place: at least one."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        # Several readers of one file find the same in what they share.
        self.mistakes = tuple(sorted(dict.fromkeys(mistakes), key=_order))
        super().__init__("\n".join(str(each) for each in self.mistakes))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean "x"?`` for the word in *known* closest to *word*, or an empty text."""
    candidates = {each.lower(): each for each in known}
    close = get_close_matches(word.lower(), candidates, n=1, cutoff=0.6)
    return f'did you mean "{candidates[close[0]]}"?' if close else ""


def listed(words: Iterable[str]) -> str:
    """Return *words* in quotes as an English list: ``"a", "b" or "c"``."""
    quoted = [f'"{each}"' for each in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}" if quoted else ""


def _order(mistake: Mistake) -> tuple[bool, str, int, int, str]:
    in_environment = mistake.line is None
    return in_environment, mistake.file, mistake.line or 0, mistake.column or 0, mistake.key
