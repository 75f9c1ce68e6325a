"""The live view: the board on a terminal of any size."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from services.cli.demo.board import FUNNEL, Board, Phase
from services.cli.demo.sight import Handoff, shown_name
from services.cli.demo.texts import Texts
from services.sync.domain.rules import Milestone

_WIDE, _MIDDLE = 110, 76
_TIME, _LEAD, _FIRM, _SCORE, _REASONS, _OWNER, _MS = range(7)
_SHOWN = {
    _WIDE: (_TIME, _LEAD, _FIRM, _SCORE, _REASONS, _OWNER, _MS),
    _MIDDLE: (_TIME, _LEAD, _FIRM, _SCORE, _OWNER, _MS),
    0: (_LEAD, _SCORE, _MS),
}
_RATIOS = {_LEAD: 5, _FIRM: 7, _REASONS: 12, _OWNER: 3}
"""The columns of the ticker by the terminal's width, and how they share it."""

_LEAST_ROWS = 6
_SLOW_MS, _FAST_MS = 1_000, 150
_SECOND_MS = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Places:
    """What can be clicked or typed: labels with addresses, and the command that shows a lead."""

    addresses: Sequence[tuple[str, str]]
    lead_command: str


@dataclass(frozen=True, slots=True)
class Names:
    """The sales tool's names of what the ticker shows, and who its users are: id → name."""

    score: str
    reasons: str
    users: Mapping[str, str]
    threshold: int
    time_zone: str


class Screen:
    """Renders *board*; as many handoffs as the terminal has lines for."""

    def __init__(self, board: Board, texts: Texts, places: Places, names: Names) -> None:
        self._board = board
        self._texts = texts
        self.places = places
        self._names = names
        self._zone = ZoneInfo(names.time_zone)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Put the parts together; the ticker gets the lines that the others leave."""
        height = options.height or console.height
        for compact in (False, True):
            head, foot = [*self._head(compact=compact)], [*self._foot(compact=compact)]
            used = sum(len(console.render_lines(each, options, pad=False)) for each in (*head, *foot))
            room = height - used - 1  # a line stays free: a full screen would scroll
            if room >= _LEAST_ROWS:
                break
        yield from head
        yield self._ticker(options.max_width, max(0, room))
        yield from foot

    def _head(self, *, compact: bool) -> Iterator[RenderableType]:
        yield self._title()
        if not compact:
            yield Text(self._texts.about, style="dim")
            yield Text()
        yield funnel(self._board, self._texts)
        if not compact:
            yield Text()
        yield from self._latencies(compact=compact)
        yield self._traffic()
        yield self._promises()
        errors = self._board.gauges.errors
        if errors:
            yield Text(", ".join(f"{each} {count}" for each, count in errors.items()), style="yellow")
        if not compact:
            yield Text()

    def _title(self) -> Text:
        board, texts = self._board, self._texts
        good = board.gauges.alive and board.phase is Phase.LIVING
        state = texts.phases[board.phase] if board.gauges.alive else texts.lost_service
        clock = _clock(board.now - board.started_at)
        if board.ends_at is not None:
            clock += f" / {_clock(board.ends_at - board.started_at)}"
        kills = f"   {texts.kills.format(count=board.kills)}" if board.kills else ""
        return Text.assemble(
            ("襷 tasuki demo", "bold"), f"   {clock}   ", (f"● {state}", "green" if good else "yellow"), kills
        )

    def _latencies(self, *, compact: bool) -> Iterator[Text]:
        board, texts = self._board, self._texts
        found, sending = board.latencies(), board.gauges.send_ms
        text = texts.latency_short if compact else texts.latency
        yield Text.assemble(
            (texts.handoffs.format(count=len(board.handoffs)), "bold"),
            "  ",
            text.format(p50=found[0], p99=found[1]) if found else "",
        )
        if sending is not None and not compact and not board.kills:  # a new process counts from 0
            yield Text(texts.sending.format(p50=sending[0], p99=sending[1]), style="dim")

    def _traffic(self) -> Text:
        board, texts, gauges = self._board, self._texts, self._board.gauges
        return Text("   ").join(
            [
                Text(texts.traffic.format(acts=gauges.acts_per_s, writes=gauges.writes_per_s)),
                Text(texts.waiting.format(count=gauges.waiting)),
                _alarm(texts.errors, sum(gauges.errors.values()), "yellow"),
                _alarm(texts.dead_letters, len(board.dead_letters), "bold red"),
                _alarm(texts.drift, gauges.drift, "bold red", looked_at=gauges.looked_at),
                Text(texts.decisions.format(count=board.decisions, conflicts=board.conflicts)),
            ]
        )

    def _promises(self) -> Text:
        board, texts = self._board, self._texts
        return Text("   ").join(
            [
                Text(texts.mqls.format(count=board.count(Milestone.MQL)), style="bold"),
                _alarm(texts.overdue, board.gauges.overdue, "bold red"),
                _alarm(texts.alerts, len(board.alerts_arrived), "yellow"),
            ]
        )

    def _ticker(self, width: int, room: int) -> RenderableType:
        """A line for each of the last handoffs, the newest on top; a narrow terminal shows fewer columns."""
        if not self._board.recent:
            return Text(self._texts.no_handoff.format(threshold=self._names.threshold), style="dim")
        shown = (
            [0, 1, 2, 3, 4, 5, 6] if width >= _WIDE else [0, 1, 2, 3, 5, 6] if width >= _MIDDLE else [1, 3, 6]
        )
        table = Table(box=None, pad_edge=False, expand=True, header_style="dim")
        for place in shown:
            name = self._texts.columns[place]
            right = place in {_SCORE, _MS}
            table.add_column(
                name, no_wrap=True, justify="right" if right else "left", ratio=_RATIOS.get(place)
            )
        for handoff in list(self._board.recent)[::-1][: max(0, room - 1)]:
            cells = self._cells(handoff)
            table.add_row(*(cells[place] for place in shown))
        return table

    def _cells(self, handoff: Handoff) -> tuple[Text, ...]:
        fields, took = handoff.seen, self._board.latency_of(handoff)
        moment = (_EPOCH + timedelta(milliseconds=handoff.at)).astimezone(self._zone)
        again = f" ({handoff.cycle})" if handoff.cycle > 1 else ""
        score = fields.get(self._names.score)
        style = "" if took is None else "green" if took <= _FAST_MS else "yellow" if took >= _SLOW_MS else ""
        return (
            Text(f"{moment:%H:%M:%S}", style="dim"),
            Text(shown_name(fields) + again),
            Text(str(fields.get("Company") or "")),
            Text("" if score is None else f"{float(score):.0f}", style="bold"),
            Text(str(fields.get(self._names.reasons) or ""), style="dim", overflow="ellipsis"),
            Text(self._names.users.get(handoff.owner_id, "")),
            Text("…" if took is None else str(took), style=style),
        )

    def _foot(self, *, compact: bool) -> Iterator[RenderableType]:
        if not compact:
            yield Text()
        for label, address in self.places.addresses:
            yield Text.assemble((f"{label}  ", "dim"), (address, f"cyan link {address}"), overflow="fold")
        email = self._an_email()
        if email is not None and not compact:
            command = self.places.lead_command.format(email=email)
            yield Text.assemble((f"{self._texts.follow_lead}\n  ", "dim"), (command, "cyan"), overflow="fold")
        living = self._board.phase is Phase.LIVING
        yield Text(self._texts.how_to_end if living else self._texts.how_to_end_twice, style="bold")

    def _an_email(self) -> str | None:
        """Somebody with a story to tell: the first who was handed over, so that the line stands still."""
        first = next(iter(self._board.handoffs.values()), None)
        return None if first is None else first.email or None


def funnel(board: Board, texts: Texts) -> Text:
    """Return the funnel in one line: each milestone with how many leads reached it."""
    found = Text()
    for milestone in FUNNEL:
        if milestone is not Milestone.LEAD:
            found.append(" · " if milestone is Milestone.LOST else " → ", style="dim")
        count = board.count(milestone)
        found.append(f"{texts.milestones[milestone]} ".replace(" ", "\N{NO-BREAK SPACE}"))
        found.append(str(count), style="bold" if count else "dim")
    return found


def _alarm(text: str, count: int, style: str, **more: int) -> Text:
    return Text(text.format(count=count, **more), style=style if count else "")


def _clock(elapsed_ms: int) -> str:
    minutes, seconds = divmod(max(0, elapsed_ms) // _SECOND_MS, 60)
    return f"{minutes:02d}:{seconds:02d}"
