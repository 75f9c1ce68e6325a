"""What can be set about the simulated portal; the defaults are HubSpot's own where it documents them."""

from dataclasses import dataclass

from services.sync.adapters.hubspot.sandbox.schema import Property

SCOPES = (
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.contacts.write",
)


@dataclass(frozen=True, slots=True)
class Owner:
    """A user who can own records."""

    id: str
    email: str
    first_name: str = ""
    last_name: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    How webhooks are delivered.

    `target_url` None delivers nothing. `public_url` is the URL that is signed, where it isn't the one called
    (a proxy in front of the receiver). HubSpot repeats a failed delivery up to 10 times over 24 hours;
    `time_factor` shortens that. `give_up` False repeats for ever: nothing is lost however long the receiver
    is away.

    Source: https://developers.hubspot.com/docs/api/webhooks
    """

    target_url: str | None = None
    public_url: str | None = None
    coalesce_ms: float = 3
    max_events: int = 100
    max_concurrent: int = 10
    timeout_ms: int = 5_000
    max_retries: int = 10
    time_factor: float = 0.01
    max_retry_delay_ms: int | None = None
    give_up: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """
    The portal, its app and its limits.

    `search_lag_ms`: how long a change stays unseen by search. `search_cap`: how far a search can be paged. `lifecycle_forward_only`: a plain write never
    moves the stage back, though the API answers as if it did. `merged_ids_resolve`: reading a merged record's
    old id gives the surviving one. `email_upsert_partial`: an upsert keyed by e-mail may succeed in part.
    """

    portal_id: int = 4_401_001
    app_id: int = 1_160_452
    token: str = "pat-na1-sandbox"  # noqa: S105 - opens nothing but this sandbox
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"  # noqa: S105 - opens nothing but this sandbox
    refresh_token: str = "sandbox-refresh"  # noqa: S105 - opens nothing but this sandbox
    developer_key: str = "sandbox-developer-key"
    token_life_ms: int = 1_800_000
    scopes: tuple[str, ...] = SCOPES
    own_property: str | None = "tasuki_id"
    extra_properties: tuple[Property, ...] = ()
    extra_company_properties: tuple[Property, ...] = ()
    owners: tuple[Owner, ...] = (
        Owner("71001", "sato@sandbox.example", "花子", "佐藤"),
        Owner("71002", "suzuki@sandbox.example", "一郎", "鈴木"),
        Owner("71003", "tanaka@sandbox.example", "実", "田中"),
    )
    ten_secondly: int = 190
    daily: int = 625_000
    search_per_second: int = 5
    search_lag_ms: int = 0
    search_cap: int = 10_000
    lifecycle_forward_only: bool = True
    merged_ids_resolve: bool = True
    email_upsert_partial: bool = False
    delivery: Delivery = Delivery()
