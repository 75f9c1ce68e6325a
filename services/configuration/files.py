"""Opens tasuki.toml: its text with all that can be told before its sections are read."""

from collections.abc import Mapping
from pathlib import Path

from services.configuration.document import Document
from services.configuration.environment import misspelt
from services.configuration.leaks import take_out_secrets
from services.configuration.mistakes import ConfigurationErrors, Mistake

CONFIG_FILE = "tasuki.toml"
"""The file's name where the person gives none."""


def read_text(path: Path, environ: Mapping[str, str]) -> str:
    """Return the text of *path*. Raises ConfigurationErrors."""
    try:
        return path.read_bytes().decode("utf-8")
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


def open_document(text: str, environ: Mapping[str, str], *, file: str) -> Document:
    """
    Return *text* as a document, secrets taken out of it and reported.

    Raises:
        ConfigurationErrors: The text isn't TOML.
    """
    try:
        document = Document(text, file=file)
    except ConfigurationErrors as error:
        raise ConfigurationErrors([*error.mistakes, *misspelt(environ)]) from None
    take_out_secrets(document)
    return document


def _unreadable(path: Path, error: OSError) -> Mistake:
    missing = isinstance(error, FileNotFoundError)
    return Mistake(
        file=str(path),
        problem="there is no such file" if missing else f"can't be read: {error.strerror or error}",
        mend="`tasuki init` writes one; `--config` names another"
        if missing
        else "mend its permissions or its path",
    )
