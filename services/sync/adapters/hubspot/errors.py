"""
What HubSpot's statuses and error categories mean for us: two closed tables with a default for the rest.

Sources: https://developers.hubspot.com/docs/api/error-handling,
https://developers.hubspot.com/docs/api/usage-details
"""

from collections.abc import Mapping
from types import MappingProxyType

from services.sync.application.trouble import Meaning

STATUSES: Mapping[int, Meaning] = MappingProxyType(
    {
        401: Meaning.CREDENTIALS,
        403: Meaning.PERMISSION,
        408: Meaning.PASSING,
        423: Meaning.PASSING,  # locked: leave it alone for two seconds
        425: Meaning.PASSING,
        429: Meaning.THROTTLED,
        477: Meaning.PASSING,  # the account is being moved between data centres; has Retry-After
        500: Meaning.PASSING,
        502: Meaning.PASSING,
        503: Meaning.PASSING,
        504: Meaning.PASSING,
        521: Meaning.PASSING,
        523: Meaning.PASSING,
        524: Meaning.PASSING,
    }
)
"""A call's status, where it decides. Other statuses from 500 on pass; the category decides for the rest."""

CATEGORIES: Mapping[str, Meaning] = MappingProxyType(
    {
        "BAD_GATEWAY": Meaning.PASSING,
        "INTERNAL_ERROR": Meaning.PASSING,
        "LOCKED": Meaning.PASSING,
        "SERVICE_UNAVAILABLE": Meaning.PASSING,
        "TIMEOUT": Meaning.PASSING,
        "TRANSIENT": Meaning.PASSING,
        "RATE_LIMITS": Meaning.THROTTLED,
        "EXPIRED_AUTHENTICATION": Meaning.CREDENTIALS,
        "INVALID_AUTHENTICATION": Meaning.CREDENTIALS,
        "BAD_CLIENT_ID": Meaning.CREDENTIALS,
        "BAD_CLIENT_SECRET": Meaning.CREDENTIALS,
        "BAD_REFRESH_TOKEN": Meaning.CREDENTIALS,
        "MISSING_SCOPES": Meaning.PERMISSION,
        "CONFLICT": Meaning.PERMANENT,
        "OBJECT_NOT_FOUND": Meaning.PERMANENT,
        "VALIDATION_ERROR": Meaning.PERMANENT,
    }
)
"""An error's category, of a call or of one record in a batch."""

UNKNOWN = Meaning.PERMANENT
"""A category that isn't known: repeated for ever it would use the quota up and be seen by nobody."""

_SERVER_ERROR = 500


def call_meaning(status: int, category: str) -> Meaning:
    """Return what a call's answer means that is no success."""
    if status in STATUSES:
        return STATUSES[status]
    return Meaning.PASSING if status >= _SERVER_ERROR else CATEGORIES.get(category, UNKNOWN)


def record_meaning(category: str) -> Meaning:
    """Return what the error of one record in a batch means."""
    return CATEGORIES.get(category, UNKNOWN)
