"""`tasuki init`: writes a configuration to start from."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.screen import standard_output
from services.errors import Misconfigured
from services.kpi.settings import template as kpi_template
from services.sync.settings import CONFIG_FILE, DEMO_ENVIRONMENT, sandbox_document, template

_NEXT = (
    "next, each in a terminal of its own, in this folder:",
    "  tasuki sandbox hubspot",
    "  tasuki sandbox salesforce",
    "then in a third one, with the sandboxes' secrets, which open nothing else:",
    *(f"  export {name}={value}" for name, value in DEMO_ENVIRONMENT.items()),
    "  tasuki check",
    "  tasuki up",
)


def init(
    path: Annotated[
        Path,
        typer.Argument(metavar="[PATH]", show_default=False, help=f"A file, or a folder for {CONFIG_FILE}."),
    ] = Path(CONFIG_FILE),
    sandbox: Annotated[  # noqa: FBT002 (typer)
        bool, typer.Option("--sandbox", help="Point it at the two sandboxes of `tasuki sandbox`.")
    ] = False,
) -> None:
    """
    Write a complete, commented tasuki.toml for HubSpot and Salesforce.

    Never overwrites a file.
    """
    target = path / CONFIG_FILE if path.is_dir() else path
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(f"{sandbox_document() if sandbox else template()}\n{kpi_template()}")
    except FileExistsError:
        raise Misconfigured(f"{target} exists already; give another path, or move it away first") from None
    except OSError as error:
        raise Misconfigured(f"{target} can't be written: {error.strerror or error}") from None
    console = standard_output()
    console.print(f"wrote {target}", markup=False)
    if sandbox:
        console.print("\n".join(_NEXT), markup=False, soft_wrap=True)
        return
    console.print(
        'next: put in what is marked "yours", set the secrets, then run: tasuki check', markup=False
    )
