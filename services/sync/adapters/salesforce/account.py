"""What the Salesforce connector must be told: where the organisation is, who we are, what to follow."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from services.sync.domain.records import Kind

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "Lead": Kind.LEAD,
        "Contact": Kind.LEAD,
        "Opportunity": Kind.OPPORTUNITY,
        "Task": Kind.ACTIVITY,
        "Event": Kind.ACTIVITY,
        "Account": Kind.COMPANY,
    }
)
"""The vendor's objects that we know, and what they are to us."""

PREFIXES: Mapping[str, str] = MappingProxyType(
    {"00Q": "Lead", "003": "Contact", "001": "Account", "006": "Opportunity", "00T": "Task", "00U": "Event"}
)
"""
The first three characters of a record id, for references that may point at several objects.

Source: https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/
"""

DEFAULT_CHANNELS = (
    "/data/LeadChangeEvent",
    "/data/ContactChangeEvent",
    "/data/OpportunityChangeEvent",
    "/data/TaskChangeEvent",
    "/data/EventChangeEvent",
)

ACCOUNT_CHANNEL = "/data/AccountChangeEvent"
"""Followed where companies are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """The OAuth client credentials flow: the app runs as the user that its settings name."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtBearer:
    """
    The OAuth JWT bearer flow: we sign, with *private_key* (PEM, RSA), that we are *username*.

    `audience` is ``https://login.salesforce.com``, or ``https://test.salesforce.com`` for a sandbox.
    """

    client_id: str
    username: str
    private_key: str = field(repr=False)
    audience: str = "https://login.salesforce.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceAccount:
    """
    One Salesforce organisation.

    Args:
        login_url: The My Domain URL, ``https://example.my.salesforce.com``.
        auth: How to log in.
        api_version: Of the REST API, ``67.0``.
        pubsub_endpoint: ``host:port`` of the Pub/Sub API.
        pubsub_tls: False only for a sandbox of our own on this machine.
        integration_user_id: Whose changes are ours; learned at login when not given.
        external_id_field: The custom field that carries our id, on Lead, Contact, Opportunity and Activity:
            Text(64), External ID, Unique, case-sensitive.
        channels: The change streams to follow.
        missing_last_name: Put into a new lead without a last name, which Salesforce requires.
        missing_company: Put into a new lead without a company, which Salesforce requires.
        checked_values: ``Object.Field`` → values that `check` must find in the picklist.
        people: E-mail addresses that leads and opportunities are given to; `check` looks them up.
        request_timeout_ms: For one call.
        stream_silence_ms: A stream from which nothing came for so long is broken; the vendor promises a sign
            of life every 270 seconds.
    """

    login_url: str
    auth: ClientCredentials | JwtBearer
    api_version: str = "67.0"
    pubsub_endpoint: str = "api.pubsub.salesforce.com:7443"
    pubsub_tls: bool = True
    integration_user_id: str | None = None
    external_id_field: str = "Tasuki_Id__c"
    channels: tuple[str, ...] = DEFAULT_CHANNELS
    missing_last_name: str = "[不明]"
    missing_company: str = "[不明]"
    checked_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    people: tuple[str, ...] = ()
    request_timeout_ms: int = 30_000
    stream_silence_ms: int = 300_000


_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


def is_id(text: str) -> bool:
    """Return whether *text* has the form of a record id: 15 letters and digits, or 18 with its checksum."""
    return _ID.fullmatch(text) is not None


def same_id(one: str | None, other: str | None) -> bool:
    """Return whether two record ids, of 15 or 18 characters, name the same record."""
    return one is not None and other is not None and one[:15] == other[:15]


def object_of(record_id: str) -> str | None:
    """Return which object *record_id* belongs to, or None for one we do not know."""
    return PREFIXES.get(record_id[:3])
