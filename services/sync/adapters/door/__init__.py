"""
The door: where vendors' webhooks come in. It verifies, splits, appends to the inbox, answers; nothing else.

A 2xx means that every notification of the request is durable in the log. Everything else names its reason,
and the vendor may send the same request again: duplicates are harmless further in.
"""

from services.sync.adapters.door.app import make_door
from services.sync.adapters.door.inbox_record import encode_received
from services.sync.adapters.door.leads import make_leads_router
from services.sync.adapters.door.letters import make_letters_router
from services.sync.adapters.door.status import StatusBody, make_whole_status_router
from services.sync.adapters.door.webhooks import Append, DoorLimits, Encode

__all__ = [
    "Append",
    "DoorLimits",
    "Encode",
    "StatusBody",
    "encode_received",
    "make_door",
    "make_leads_router",
    "make_letters_router",
    "make_whole_status_router",
]
