"""Reads tasuki.toml and the environment: all settings, or all mistakes at once."""

from collections.abc import Mapping
from pathlib import Path

from services.configuration.environment import misspelt, read_secrets
from services.configuration.files import open_document, read_text
from services.configuration.mistakes import ConfigurationErrors
from services.configuration.platform import to_platform
from services.sync.settings.checks import check_together
from services.sync.settings.checks.connections import needed_secrets
from services.sync.settings.convert import to_settings
from services.sync.settings.draft import read_draft
from services.sync.settings.model import Settings


def load(path: Path, environ: Mapping[str, str], *, need_secrets: bool = True) -> Settings:
    """
    Return the settings in the file *path* and in *environ*.

    Args:
        path: The file; the data folder is seen from its folder.
        environ: The environment, for secrets and for misspelt names.
        need_secrets: Whether a secret that the configuration calls for must be set. A command that
            talks to no vendor can do without.

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
    draft = read_draft(document)
    check_together(document, draft)
    secrets, unset = read_secrets(environ, needed_secrets(document) if need_secrets else ())
    mistakes = [*document.mistakes, *misspelt(environ), *unset]
    if mistakes:
        raise ConfigurationErrors(mistakes)
    return to_settings(draft, to_platform(draft.platform, source=file, folder=folder, secrets=secrets))
