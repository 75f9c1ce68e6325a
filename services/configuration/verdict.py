"""The verdict on a document that one service or several have read: its secrets, or every mistake at once."""

from collections.abc import Iterable, Mapping

from services.configuration.document import Document
from services.configuration.environment import Secrets, misspelt, read_secrets
from services.configuration.mistakes import ConfigurationErrors
from services.configuration.named_secrets import named_secrets


def verdict(document: Document, environ: Mapping[str, str], needed: Iterable[str]) -> Secrets:
    """
    Return the secrets that *document* calls for.

    Args:
        document: Read by everybody who has something to say of it.
        environ: The environment.
        needed: The variables that must be set.

    Raises:
        ConfigurationErrors: A reader reported a mistake, or the environment holds one.
    """
    named = named_secrets(document)
    secrets, unset = read_secrets(environ, needed, named)
    if mistakes := [*document.mistakes, *misspelt(environ, named), *unset]:
        raise ConfigurationErrors(mistakes)
    return secrets
