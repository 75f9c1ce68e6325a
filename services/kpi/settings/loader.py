"""Reads the KPI service's part of tasuki.toml and the environment: all settings, or all mistakes at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.configuration.document import Document
from services.configuration.environment import Secrets
from services.configuration.files import open_document, read_text
from services.configuration.platform import to_platform
from services.configuration.verdict import verdict
from services.kpi.settings.checks import check_together, needed_secrets
from services.kpi.settings.convert import to_settings
from services.kpi.settings.draft import Draft, read_draft
from services.kpi.settings.model import Settings


def load(path: Path, environ: Mapping[str, str], *, need_secrets: bool = True) -> Settings:
    """
    Return the settings in the file *path* and in *environ*.

    Args:
        path: The file; the data folder is seen from its folder.
        environ: The environment, for secrets and for misspelt names.
        need_secrets: Whether a secret that the configuration calls for must be set.

    Raises:
        ConfigurationErrors: The file can't be read, or something in it or in the environment is wrong.
    """
    text = read_text(path, environ)
    return loads(text, environ, file=str(path), folder=path.parent, need_secrets=need_secrets)


def loads(
    text: str, environ: Mapping[str, str], *, file: str, folder: Path, need_secrets: bool = True
) -> Settings:
    """Return the settings in *text*, called *file* in messages; the rest is as in `load`."""
    document = open_document(text, environ, file=file)
    found = read(document)
    secrets = verdict(document, environ, found.needed if need_secrets else ())
    return found.settings(secrets, folder=folder)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the KPI service read of a document: a draft, and the variables that must be set."""

    document: Document
    draft: Draft
    needed: Sequence[str]

    def settings(self, secrets: Secrets, *, folder: Path) -> Settings:
        """Return the settings, once the verdict on the document found nothing wrong; *folder* is the file's own."""
        source = self.document.file
        platform = to_platform(self.draft.platform, source=source, folder=folder, secrets=secrets)
        return to_settings(self.draft, platform)


def read(document: Document) -> Reading:
    """Read the KPI service's part of *document*, reporting what is wrong into it; others may read it as well."""
    draft = read_draft(document)
    check_together(document, draft)
    return Reading(document, draft, needed_secrets(document))
