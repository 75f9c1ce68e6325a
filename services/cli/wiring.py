"""
The place where the command line asks the sync service for its parts.

The imports stand in the functions: the connectors bring gRPC and the web framework, which take a second that
`tasuki --help` should not cost.
"""

from collections.abc import Iterable

from services.sync.application.ports import Connector
from services.sync.settings import Settings


def connectors(settings: Settings) -> Iterable[Connector]:
    """Return the two systems that *settings* name, not yet started."""
    from services.sync.app.connectors import make_connectors  # noqa: PLC0415 - see the module

    return make_connectors(settings).values()
