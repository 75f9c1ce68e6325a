"""What must fit together across the sections of a configuration; one module for each matter."""

from services.configuration.document import Document
from services.sync.settings.checks import columns, connections, currencies, fields, people, scoring, stages
from services.sync.settings.draft import Draft


def check_together(document: Document, draft: Draft) -> None:
    """Report into *document* what does not fit together in *draft*."""
    fields.check(document, draft)
    columns.check(document, draft)
    scoring.check(document, draft)
    stages.check(document, draft)
    people.check(document, draft)
    currencies.check(document, draft)
    connections.check(document, draft)
