"""The composition root of sync: everything else is handed what it needs from here."""

from services.configuration.parts import make_log, make_store, needs_embedded, topic_specs
from services.sync.app.connectors import make_connectors
from services.sync.app.filling import open_dry_run, open_orders
from services.sync.app.letters import SERVICE, open_letters, open_marks
from services.sync.app.replaying import open_replay
from services.sync.app.scoring import open_score_preview
from services.sync.app.service import Sync, build, open_timeline, run

__all__ = [
    "SERVICE",
    "Sync",
    "build",
    "make_connectors",
    "make_log",
    "make_store",
    "needs_embedded",
    "open_dry_run",
    "open_letters",
    "open_marks",
    "open_orders",
    "open_replay",
    "open_score_preview",
    "open_timeline",
    "run",
    "topic_specs",
]
