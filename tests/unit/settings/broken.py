"""What a case of a broken file says."""

from dataclasses import dataclass

from tests.unit.settings.small_firm import changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """
    A change to the small firm's file that makes one mistake, and how the mistake must be told.

    `at` is the whole line that must be named; `nth` picks one where several are the same.
    """

    old: str
    new: str
    at: str
    key: str
    problem: str
    mend: str
    nth: int = 0

    @property
    def text(self) -> str:
        """The broken file."""
        return changed((self.old, self.new))

    @property
    def line(self) -> int:
        """The number of the line that must be named."""
        lines = self.text.split("\n")
        return [number for number, line in enumerate(lines, start=1) if line == self.at][self.nth]
