"""Every topic: its key, what is on it, and how long it is kept."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from schemas.alerts import ALERT
from schemas.dead_letters import DeadLettered
from schemas.decisions import AUDIT_ENTRY
from schemas.envelope import adapter
from schemas.inbox import InboxReceived
from schemas.kpi import FigureChanged
from schemas.lead import LEAD_CHANGE
from schemas.lifecycle import LIFECYCLE_FACT
from schemas.requests import REQUEST
from schemas.sealing import SealingKeyMade

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """
    One topic. `key` says what records are keyed by; `events` decodes and encodes them.

    `retention_ms` None keeps everything: the store can be built anew from such a topic. `partitions` None: as many
    as the deployment has; a number where one reader must see all records. The values of `personal` topics are sealed.
    """

    name: str
    key: str
    title: str
    events: TypeAdapter[object]
    retention_ms: int | None = None
    compacted: bool = False
    partitions: int | None = None
    personal: bool = False


INBOX = Topic(
    "tasuki.inbox.v1", "system:object:id", "Notifications as received", adapter(InboxReceived), personal=True
)
LEAD_CHANGES = Topic(
    "tasuki.lead-changes.v1",
    "lead_id",
    "Canonical changes of leads",
    LEAD_CHANGE,  # pyright: ignore[reportArgumentType] (TypeAdapter is invariant)
    personal=True,
)
LIFECYCLE = Topic("tasuki.lifecycle.v1", "lead_id", "Facts of the lifecycle", LIFECYCLE_FACT)  # pyright: ignore[reportArgumentType] (TypeAdapter is invariant)
ALERTS = Topic("tasuki.alerts.v1", "lead_id", "What the clock tells", ALERT, partitions=1)  # pyright: ignore[reportArgumentType] (TypeAdapter is invariant)
REQUESTS = Topic(
    "tasuki.requests.v1",
    "lead_id",
    "What is asked of sync",
    REQUEST,  # pyright: ignore[reportArgumentType] (TypeAdapter is invariant)
    personal=True,
)
KPI = Topic(
    "tasuki.kpi.v1",
    "metric/window, or metric/window/dimension=value",
    "The KPIs as they are",
    adapter(FigureChanged),
    compacted=True,
    partitions=1,
)
DECISIONS = Topic("tasuki.decisions.v1", "lead_id", "The audit trail", AUDIT_ENTRY, personal=True)  # pyright: ignore[reportArgumentType] (TypeAdapter is invariant)
DEAD_LETTERS = Topic(
    "tasuki.dead-letters.v1",
    "the original's key",
    "What could not be processed",
    adapter(DeadLettered),
    personal=True,
)
SEALING_KEYS = Topic(
    "tasuki.sealing-keys.v1",
    "record key/key id",
    "Keys that personal values are sealed with",
    adapter(SealingKeyMade),
    compacted=True,
)

TOPICS = (INBOX, LEAD_CHANGES, LIFECYCLE, ALERTS, REQUESTS, KPI, DECISIONS, DEAD_LETTERS, SEALING_KEYS)
