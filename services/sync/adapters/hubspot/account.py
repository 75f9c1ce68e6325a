"""What a HubSpot connector is told about the account: where it is, who we are, what signs its webhooks."""

from dataclasses import dataclass, field
from enum import StrEnum


class SignatureVersion(StrEnum):
    """HubSpot's ways of signing a webhook; only v3 covers the time, so only v3 stops replays."""

    V1 = "v1"
    V2 = "v2"
    V3 = "v3"


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthGrant:
    """What a public app gets access tokens with. Access tokens live for 30 minutes."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSpotAccount:
    """
    One HubSpot account and our app in it.

    Exactly one of `token` (private app or service key) and `oauth`. `client_secret` signs webhooks.
    `own_property` is the contact property that holds our lead_id; it must have unique values.
    `developer_key` lets `check` read a public app's webhook subscriptions. `portal_id` None takes webhooks
    of any portal. `webhook_window_ms`: webhooks signed longer ago are refused. `people` are the e-mail addresses
    that leads are given to; `check` looks them up.
    """

    app_id: int
    client_secret: str = field(repr=False)
    base_url: str = "https://api.hubapi.com"
    token: str | None = field(default=None, repr=False)
    oauth: OAuthGrant | None = None
    portal_id: int | None = None
    own_property: str = "tasuki_id"
    developer_key: str | None = field(default=None, repr=False)
    signatures: frozenset[SignatureVersion] = frozenset({SignatureVersion.V3})
    webhook_window_ms: int = 300_000
    people: tuple[str, ...] = ()
    timeout_ms: int = 30_000
    connect_timeout_ms: int = 5_000
