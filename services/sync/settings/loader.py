"""Reads tasuki.toml and the environment: all settings, or all mistakes at once."""

from collections.abc import Mapping
from pathlib import Path

from services.sync.settings.checks import check_together
from services.sync.settings.checks.connections import needed_secrets
from services.sync.settings.convert import to_settings
from services.sync.settings.document import Document
from services.sync.settings.draft import read_draft
from services.sync.settings.environment import misspelt, read_secrets
from services.sync.settings.leaks import take_out_secrets
from services.sync.settings.mistakes import ConfigurationErrors, Mistake
from services.sync.settings.model import Settings

CONFIG_FILE = "tasuki.toml"
"""The file's name where the person gives none."""


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
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigurationErrors([_unreadable(path, error), *misspelt(environ)]) from None
    except UnicodeDecodeError as error:
        mistake = Mistake(
            file=str(path),
            line=error.object.count(b"\n", 0, error.start) + 1,
            problem="is not UTF-8 text",
            mend="save the file as UTF-8 in your editor",
        )
        raise ConfigurationErrors([mistake, *misspelt(environ)]) from None
    return loads(text, environ, file=str(path), folder=path.parent, need_secrets=need_secrets)


def loads(
    text: str, environ: Mapping[str, str], *, file: str, folder: Path, need_secrets: bool = True
) -> Settings:
    """Return the settings in *text*, called *file* in messages; the rest is as in `load`."""
    try:
        document = Document(text, file=file)
    except ConfigurationErrors as error:
        raise ConfigurationErrors([*error.mistakes, *misspelt(environ)]) from None
    take_out_secrets(document)
    draft = read_draft(document)
    check_together(document, draft)
    secrets, unset = read_secrets(environ, needed_secrets(document) if need_secrets else ())
    mistakes = [*document.mistakes, *misspelt(environ), *unset]
    if mistakes:
        raise ConfigurationErrors(mistakes)
    return to_settings(draft, source=file, folder=folder, secrets=secrets)


def _unreadable(path: Path, error: OSError) -> Mistake:
    missing = isinstance(error, FileNotFoundError)
    return Mistake(
        file=str(path),
        problem="there is no such file" if missing else f"can't be read: {error.strerror or error}",
        mend="`tasuki init` writes one; `--config` names another"
        if missing
        else "mend its permissions or its path",
    )
