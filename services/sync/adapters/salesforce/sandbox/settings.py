"""How a sandbox is set up: users, fields, limits, and which of the vendor's habits are switched on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.sync.adapters.salesforce.sandbox.fields import Field

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the organisation."""

    email: str
    last_name: str
    first_name: str = ""


DEFAULT_USERS = (
    Person("integration@tasuki.example", "Integration", "Tasuki"),
    Person("sato@sales.example", "佐藤", "花子"),
    Person("suzuki@sales.example", "鈴木", "一郎"),
    Person("takahashi@sales.example", "高橋", "美咲"),
    Person("tanaka@sales.example", "田中", "翔"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """
    Settings of a sandbox.

    Args:
        users: The first one is the integration user, the second one acts where an act names nobody.
        extra_fields: Fields beyond the defaults, or in place of them, by object (``Activity`` for Task and
            Event).
        client_id: The connected app's consumer key.
        client_secret: Its secret, for the client credentials flow.
        public_key: PEM; a JWT assertion's signature is checked with it. Without it only the claims are.
        audience: What an assertion's ``aud`` must be.
        session_ms: How long a session lives; None for ever.
        daily_calls: The organisation's API calls a day.
        cdc_objects: Objects selected for Change Data Capture.
        keep_alive_ms: How often an idle stream tells that it lives; the vendor's is 270 seconds.
        retention_ms: How long events can be replayed, in real time.
        retention_events: How many events of a channel can be replayed.
        duplicate_rule: Whether a person with an e-mail address that another one has is refused.
        duplicate_details: Whether collection results name the duplicates, as single calls do.
        merge_alike: Whether records that changed alike in one transaction share one event.
        seed: Of the steps between replay ids.
    """

    users: tuple[Person, ...] = DEFAULT_USERS
    extra_fields: Mapping[str, tuple[Field, ...]] = field(default_factory=dict[str, tuple[Field, ...]])
    client_id: str = "tasuki-sandbox"
    client_secret: str = field(default="tasuki-sandbox-secret", repr=False)
    public_key: str | None = None
    audience: str = "https://login.salesforce.com"
    session_ms: int | None = None
    daily_calls: int = 1_000_000
    cdc_objects: tuple[str, ...] = ("Lead", "Contact", "Opportunity", "Task", "Event", "Account")
    keep_alive_ms: int = 10_000
    retention_ms: int = 72 * HOUR_MS
    retention_events: int = 200_000
    duplicate_rule: bool = False
    duplicate_details: bool = True
    merge_alike: bool = False
    seed: int = 0
