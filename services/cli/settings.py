"""
The whole of tasuki.toml, read by every service before one verdict: all mistakes of all sections at once.

Here both services are visible, so what one names of the other is checked here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from services.configuration.document import Document
from services.configuration.files import open_document, read_text
from services.configuration.mistakes import did_you_mean
from services.configuration.verdict import verdict
from services.kpi import settings as kpi_settings
from services.sync.settings import loader as sync_loader
from services.sync.settings import model as sync_model

BOTH: Final = ("sync", "kpi")
"""The services."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What the file and the environment say to each service; what both take from them is the same in both."""

    sync: sync_model.Settings
    kpi: kpi_settings.Settings


def load(path: Path, environ: Mapping[str, str], *, need_secrets: Collection[str] = BOTH) -> Configured:
    """
    Return the settings in the file *path* and in *environ*; see `services.sync.settings.load`.

    Args:
        path: The file.
        environ: The environment.
        need_secrets: The services whose secrets must be set.

    Raises:
        ConfigurationErrors: The file can't be read, or something in it or in the environment is wrong.
    """
    text = read_text(path, environ)
    return loads(text, environ, file=str(path), folder=path.parent, need_secrets=need_secrets)


def loads(
    text: str, environ: Mapping[str, str], *, file: str, folder: Path, need_secrets: Collection[str] = BOTH
) -> Configured:
    """Return the settings in *text*, called *file* in messages; the rest is as in `load`."""
    document = open_document(text, environ, file=file)
    sync, kpi = sync_loader.read(document), kpi_settings.read(document)
    _check_segments(document, sync, kpi)
    _check_milestones(document, sync, kpi)
    needed = {"sync": sync.needed, "kpi": kpi.needed}
    secrets = verdict(document, environ, [name for each in need_secrets for name in needed[each]])
    return Configured(
        sync=sync.settings(secrets, folder=folder),
        kpi=kpi.settings(secrets, folder=folder),
    )


def _check_segments(document: Document, sync: sync_loader.Reading, kpi: kpi_settings.Reading) -> None:
    """Report what the KPIs name of a lead that sync doesn't tell them."""
    if sync.draft.sync is None:
        return
    told = sync.draft.sync.segments
    for path, name in kpi_settings.named_segments(kpi.draft):
        if name not in told:
            mapped = not sync.draft.is_unknown(name)
            mend = f'add "{name}" to [sync] segments'
            guess = mend if mapped else did_you_mean(name, told) or f"map it in [[fields]], and {mend}"
            document.report(path, f'"{name}" is no segment that leads carry', guess)


def _check_milestones(document: Document, sync: sync_loader.Reading, kpi: kpi_settings.Reading) -> None:
    """Report promises that could never begin, or never be kept, since no [[stages]] leads to their milestones."""
    stages = document.value("stages")
    written = len(cast("list[object]", stages)) if isinstance(stages, list) else 0
    if sync.draft.sync is None or written != len(sync.draft.stages):
        return  # what is told isn't known
    told = {str(each) for entry in sync.draft.stages for each in entry.value.milestones.values()}
    told |= {"lead", "mql", "offered:mql", *(["first_response"] if sync.draft.sync.first_touch else [])}
    told |= {"offered:sql"} if "sql" in told else set()
    for path, key in kpi_settings.unreachable(kpi.draft, told):
        problem = "can never begin" if key == "starts" else "can never be kept"
        document.report(
            path, f"the promise {problem}: nothing tells these facts", "map one of them in [[stages]]"
        )
