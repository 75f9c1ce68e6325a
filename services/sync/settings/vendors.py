"""The shape of the two vendors' sections: [ma] is HubSpot, [sfa] is Salesforce."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictStr

from services.configuration.quantities import (
    DurationBetween,
    HostPort,
    Switch,
    Text,
    VendorName,
    WebAddress,
    Whole,
    wrong,
)
from services.configuration.sections import Section

OLDEST_API_VERSION = 46.0
"""From this version on an upsert answers with the record's id."""


def _api_version(text: str) -> str:
    if not re.fullmatch(r"[0-9]{2,3}\.0", text) or float(text) < OLDEST_API_VERSION:
        raise wrong(
            f'"{text[:20]}" is not an API version', 'write it as "67.0"; 46.0 is the oldest that works'
        )
    return text


class HubSpotSection(Section):
    """
    The marketing tool: HubSpot, with one app of your own.

    Source: https://developers.hubspot.com/docs/api/webhooks
    """

    system: Literal["hubspot"] = Field(description="The marketing tool.")
    base_url: WebAddress = Field(default="https://api.hubapi.com", description="Where its API is.")
    portal_id: Annotated[Whole, Field(ge=1)] = Field(
        description="The account's number (Hub ID); webhooks of others are refused."
    )
    app_id: Annotated[Whole, Field(ge=1)] = Field(
        description="The app's number; tells our own writes from those of people."
    )
    auth: Literal["private-app", "oauth"] = Field(
        default="private-app",
        description="`private-app`: a token that doesn't expire; `oauth`: a refresh token of a public app.",
    )
    own_property: VendorName = Field(
        default="tasuki_id",
        description="Contact property that carries tasuki's lead id; create it with unique values.",
    )
    webhook_window_ms: Annotated[int, DurationBetween("30s", "1h")] = Field(
        default=300_000,
        alias="webhook_window",
        description="Webhooks signed longer ago, or further ahead of our clock, are refused.",
    )
    requests_per_10s: Annotated[Whole, Field(ge=1, le=10_000)] = Field(
        default=100,
        description="Requests in 10 seconds that are assumed to be allowed until HubSpot's first answer tells.",
    )


class SalesforceSection(Section):
    """
    The sales tool: Salesforce, with an integration user of its own that nobody else uses.

    Source: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/
    """

    system: Literal["salesforce"] = Field(description="The sales tool.")
    login_url: WebAddress = Field(
        description="The My Domain address: `https://yourfirm.my.salesforce.com`; with `jwt` also "
        "`https://login.salesforce.com` or `https://test.salesforce.com`."
    )
    api_version: Annotated[StrictStr, AfterValidator(_api_version)] = Field(
        default="67.0", description="API version; 46.0 at least."
    )
    auth: Literal["client-credentials", "jwt"] = Field(
        default="client-credentials", description="How the integration user signs in."
    )
    username: Text | None = Field(default=None, description="The integration user's name; needed with `jwt`.")
    audience: WebAddress | None = Field(
        default=None,
        description="Audience of the JWT; left out: `https://test.salesforce.com` for sandboxes, else "
        "`https://login.salesforce.com`.",
    )
    pubsub: HostPort = Field(
        default="api.pubsub.salesforce.com:7443", description="Where the change stream is (Pub/Sub API)."
    )
    pubsub_tls: Switch = Field(default=True, description="Only a sandbox on this machine goes without TLS.")
    external_id_field: VendorName = Field(
        default="Tasuki_Id__c",
        description="Custom field, external id and unique, on Lead, Contact, Opportunity and Task, that "
        "carries tasuki's id.",
    )
