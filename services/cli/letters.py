"""Dead letters on the terminal: which are meant by a command's options, and how they are printed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.runtime.clock import now_ms

if TYPE_CHECKING:
    from services.sync.application.letters import Letter
    from services.sync.consumers.letters import LetterBox

Json: TypeAlias = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STYLES = {"waiting": "yellow", "replayed": "green", "dropped": "dim"}


@dataclass(frozen=True, slots=True)
class Selection:
    """What a command's options ask for; ages in milliseconds. All narrowings hold together."""

    ids: Sequence[str] = ()
    reason: str | None = None
    lead: str | None = None
    older_ms: int | None = None
    newer_ms: int | None = None
    state: str = "waiting"

    @property
    def narrows(self) -> bool:
        """Whether it says which letters, beside their state."""
        return bool(self.ids) or any((self.reason, self.lead, self.older_ms, self.newer_ms))

    async def find(self, box: "LetterBox") -> "list[Letter]":
        """Return the letters that are meant, oldest first."""
        from services.sync.application.letters import LetterState, Wanted  # noqa: PLC0415 - see wiring

        lead_id = None if self.lead is None else await box.lead_of(self.lead)
        if self.lead is not None and lead_id is None:
            return []
        now = now_ms()
        return await box.letters(
            Wanted(
                ids=self.ids,
                reason=self.reason,
                lead_id=lead_id,
                since=None if self.newer_ms is None else now - self.newer_ms,
                until=None if self.older_ms is None else now - self.older_ms,
                states=() if self.state == "all" else (LetterState(self.state),),
            )
        )

    async def missing(self, box: "LetterBox", found: "Sequence[Letter]") -> list[str]:
        """Return for each id that isn't among *found* the id, or why the letter isn't meant."""
        gone = [each for each in dict.fromkeys(self.ids) if each not in {letter.id for letter in found}]
        if not gone:
            return []
        others = {each.id: each for each in await Selection(gone, state="all").find(box)}
        return [_passed_over(others[each]) if each in others else each for each in gone]


def _passed_over(letter: "Letter") -> str:
    if letter.mark is None:
        return f"{letter.id} waits, but isn't among those that the other options name"
    day = _EPOCH + timedelta(milliseconds=letter.mark.at)
    what = f"{letter.id} was {letter.state.value} by {letter.mark.by} at {day:%Y-%m-%d %H:%M:%S} UTC"
    return f"{what}; `replay --again` takes it nevertheless"


def show_letters(letters: Sequence[Json], console: Console, *, time_zone: str) -> None:
    """Print a table of *letters* and how many there are of each reason."""
    if not letters:
        console.print("no dead letters")
        return
    zone = ZoneInfo(time_zone)
    table = Table("id", "when", "reason", "about", "state", "detail", box=None, pad_edge=False)
    for each in letters:
        state = Text(each["state"], style=_STYLES[each["state"]])
        about = each["key"] if "/" in each["origin"] else _about(each)
        table.add_row(
            Text(each["id"], no_wrap=True),
            _time(each["failed_at"], zone),
            Text(each["reason"]),
            Text(about),
            state,
            Text(each["detail"]),
        )
    console.print(table)
    counts = Counter(each["reason"] for each in letters)
    told = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    console.print(f"{len(letters)} in all: {told}", markup=False)


def show_letter(letter: Json, console: Console, *, time_zone: str) -> None:
    """Print one letter whole."""
    zone = ZoneInfo(time_zone)
    lines = {
        "id": letter["id"],
        "set aside": _time(letter["failed_at"], zone),
        "reason": letter["reason"],
        "detail": letter["detail"],
        "origin": letter["origin"],
        "key": letter["key"],
        "lead": letter["lead_id"] or "-",
        "state": _state(letter, zone),
        "replay": letter["obstacle"] or "can be replayed",
        "original": letter["body"],
    }
    for name, value in lines.items():
        console.print(f"{name:<10} {value}", markup=False, soft_wrap=True)


def _about(letter: Json) -> str:
    """Return what a letter is about: a vendor's record, or a lead with the record that was to be written."""
    return letter["key"] if ":" not in letter["origin"] else f"{letter['key']} {letter['origin']}"


def _state(letter: Json, zone: ZoneInfo) -> str:
    if letter["marked_at"] is None:
        return str(letter["state"])
    return f"{letter['state']} at {_time(letter['marked_at'], zone)} by {letter['marked_by']}"


def _time(instant: int, zone: ZoneInfo) -> str:
    return f"{(_EPOCH + timedelta(milliseconds=instant)).astimezone(zone):%Y-%m-%d %H:%M:%S}"
