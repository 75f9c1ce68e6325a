"""What goes first when not everything can go at once."""

from enum import IntEnum


class Priority(IntEnum):
    """How urgent a write, or any call to a vendor, is: the lowest first."""

    CONSENT = 0
    HOT = 1  # a new MQL
    HANDOFF = 2  # an SQL, a verdict
    EDIT = 3
    RECONCILE = 4
    BACKFILL = 5
