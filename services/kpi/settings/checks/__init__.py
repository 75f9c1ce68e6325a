"""What must fit together across the KPI service's sections; one module for each matter."""

from services.configuration.connections import connection_secrets
from services.configuration.document import Document
from services.configuration.named_secrets import named_secrets
from services.kpi.settings.checks import alerts, calendars, counting, feed, promises
from services.kpi.settings.draft import Draft

_OF_SYNCS_DOOR = "TASUKI_API_KEY"


def check_together(document: Document, draft: Draft) -> None:
    """Report into *document* what does not fit together in *draft*."""
    counting.check(document, draft)
    calendars.check(document, draft)
    promises.check(document, draft)
    alerts.check(document, draft)
    feed.check(document, draft)


def needed_secrets(document: Document) -> list[str]:
    """Return the environment variables that the choices in *document* call for, also in a broken section."""
    named = (each for each in named_secrets(document) if not each.endswith("_SECRET_OLD"))
    shared = (each for each in connection_secrets(document) if each != _OF_SYNCS_DOOR)
    return [*shared, *named]
