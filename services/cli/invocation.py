"""What the options before the command say: which configuration, which log format, which environment."""

import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, cast

import typer

from services.cli.settings import BOTH, Configured, load
from services.runtime import logs
from services.sync.settings import CONFIG_FILE, Settings

LogFormat: TypeAlias = Literal["auto", "json", "console"]

ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="TASUKI_CONFIG",
        metavar="FILE",
        show_default=False,
        help=f"The configuration; ./{CONFIG_FILE} where left out.",
    ),
]
"""Taken by `tasuki` itself and by each command that reads the configuration; the command's own wins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call of the command line; `config` None stands for ./tasuki.toml."""

    config: Path | None = None
    log_format: LogFormat | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def settings(self, config: Path | None = None, *, need_secrets: bool = True) -> Settings:
        """Return sync's settings of *config* or of the call's own file; see `configured`."""
        return self.configured(config, need_secrets=need_secrets).sync

    def configured(
        self, config: Path | None = None, *, need_secrets: bool = True, of: Collection[str] = BOTH
    ) -> Configured:
        """
        Return the settings of all services, of *config* or of the call's own file.

        Args:
            config: The file.
            need_secrets: Whether the secrets must be set.
            of: The services of which they must be.

        Raises:
            ConfigurationErrors: All mistakes, whichever service they are of.
        """
        path = config or self.config or Path(CONFIG_FILE)
        found = load(path, self.environ, need_secrets=of if need_secrets else ())
        if self.log_format is None:
            return found
        chosen = found.sync.logs.model_copy(update={"format": self.log_format})
        return Configured(sync=replace(found.sync, logs=chosen), kpi=replace(found.kpi, logs=chosen))


def invocation_of(context: typer.Context) -> Invocation:
    """Return what the options before the command said."""
    return cast("Invocation", context.obj)


def start_logging(settings: Settings) -> None:
    """Route the process's logging as *settings* say; for commands that run for long."""
    as_json = {"auto": None, "json": True, "console": False}[settings.logs.format]
    logs.set_up(json=as_json, level=settings.logs.level)


def quiet_logging() -> None:
    """Let only errors through, to standard error; for commands that answer on standard output."""
    logs.set_up(json=False, level="error", stream=sys.stderr)
