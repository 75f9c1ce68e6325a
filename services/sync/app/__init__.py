"""The composition root of sync: everything else is handed what it needs from here."""

from services.configuration.parts import make_log, make_store, needs_embedded, topic_specs
from services.sync.app.connectors import make_connectors
from services.sync.app.service import SERVICE, Sync, build, open_timeline, run

__all__ = [
    "SERVICE",
    "Sync",
    "build",
    "make_connectors",
    "make_log",
    "make_store",
    "needs_embedded",
    "open_timeline",
    "run",
    "topic_specs",
]
