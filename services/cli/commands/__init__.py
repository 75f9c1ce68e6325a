"""
The commands: one module each, and this list, which is all that `tasuki --help` knows.

To add a command: write `services/cli/commands/<name>.py` with its function, and add it to COMMANDS.
Only what works is in the list.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from typer import Typer

from services.cli.commands.backfill import backfill
from services.cli.commands.check import check
from services.cli.commands.dead_letters import dead_letters
from services.cli.commands.demo import demo
from services.cli.commands.init import init
from services.cli.commands.kpi import kpi
from services.cli.commands.lead import lead
from services.cli.commands.recount import recount
from services.cli.commands.rehearse import rehearse
from services.cli.commands.replay import replay
from services.cli.commands.resume import resume
from services.cli.commands.sandbox import sandbox
from services.cli.commands.score import score
from services.cli.commands.status import status
from services.cli.commands.sweep import sweep
from services.cli.commands.sync import sync
from services.cli.commands.up import up

START: Final = "To begin with"
TRY: Final = "To try things out"
RUN: Final = "To run"
LOOK: Final = "To look and mend"


@dataclass(frozen=True, slots=True)
class Command:
    """
    A command's name, what it is, and its group in the help.

    `function` is a function (options by its signature, help by its docstring) or a Typer of subcommands.
    """

    name: str
    function: Callable[..., Any] | Typer
    group: str


COMMANDS: Final = (
    Command("demo", demo, START),
    Command("init", init, START),
    Command("check", check, START),
    Command("sandbox", sandbox, TRY),
    Command("up", up, RUN),
    Command("sync", sync, RUN),
    Command("kpi", kpi, RUN),
    Command("backfill", backfill, RUN),
    Command("rehearse", rehearse, RUN),
    Command("status", status, LOOK),
    Command("lead", lead, LOOK),
    Command("score", score, LOOK),
    Command("dead-letters", dead_letters, LOOK),
    Command("resume", resume, LOOK),
    Command("recount", recount, LOOK),
    Command("sweep", sweep, LOOK),
    Command("replay", replay, LOOK),
)
"""In the order in which a newcomer meets them."""
