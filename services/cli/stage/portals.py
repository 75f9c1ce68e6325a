"""Two sandboxes that have every field of a configuration, and people who own leads."""

from dataclasses import replace

from services.cli.sandbox_setup import PEOPLE, hubspot_properties, salesforce_fields
from services.sync.adapters.hubspot.sandbox import Delivery, Owner
from services.sync.adapters.hubspot.sandbox import SandboxSettings as HubSpotSettings
from services.sync.adapters.salesforce.sandbox import Person
from services.sync.adapters.salesforce.sandbox import SandboxSettings as SalesforceSettings
from services.sync.domain.field_map import FieldMap
from services.sync.domain.records import Kind
from services.sync.settings.demo import DEMO_ENVIRONMENT

NO_LIMIT = 100_000_000
CALLS_IN_10_S = 190
CALLS_A_DAY = 625_000
"""
What a private app of a Professional portal may call.

Source: https://developers.hubspot.com/docs/api/usage-details
"""


def limited(settings: HubSpotSettings) -> HubSpotSettings:
    """Return *settings* with the vendor's own limits of calls."""
    return replace(settings, ten_secondly=CALLS_IN_10_S, daily=CALLS_A_DAY)


def hubspot_settings(fields: FieldMap, *, hook: str, public: str) -> HubSpotSettings:
    """
    Return a portal with the contact properties of *fields* that it lacks.

    Args:
        fields: Marketing's field map.
        hook: Where it delivers webhooks; it never gives up, so that nothing is lost while the service is away.
        public: The address that it signs.
    """
    return HubSpotSettings(
        owners=tuple(
            Owner(str(71_001 + place), email, first, last)
            for place, (email, last, first) in enumerate(PEOPLE)
        ),
        extra_properties=hubspot_properties(fields),
        extra_company_properties=hubspot_properties(fields, Kind.COMPANY),
        ten_secondly=NO_LIMIT,
        daily=NO_LIMIT,
        delivery=Delivery(target_url=hook, public_url=public, max_retry_delay_ms=250, give_up=False),
    )


def salesforce_settings(fields: FieldMap) -> SalesforceSettings:
    """Return an organisation with the fields of *fields* (sales' field map) that it lacks."""
    return SalesforceSettings(
        users=(
            Person("integration@tasuki.example", "Integration", "Tasuki"),
            *(Person(email, last, first) for email, last, first in PEOPLE),
        ),
        extra_fields=salesforce_fields(fields),
        client_id=DEMO_ENVIRONMENT["TASUKI_SALESFORCE_CLIENT_ID"],
        client_secret=DEMO_ENVIRONMENT["TASUKI_SALESFORCE_CLIENT_SECRET"],
        daily_calls=NO_LIMIT,
        retention_events=2_000_000,
    )
