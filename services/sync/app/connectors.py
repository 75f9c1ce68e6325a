"""The two systems that the settings name, as connectors."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from pydantic import SecretStr

from services.runtime.clock import Clock, now_ms
from services.sync.adapters.hubspot.account import HubSpotAccount, OAuthGrant
from services.sync.adapters.hubspot.connector import HubSpotConnector
from services.sync.adapters.salesforce.account import (
    ACCOUNT_CHANNEL,
    DEFAULT_CHANNELS,
    ClientCredentials,
    JwtBearer,
    SalesforceAccount,
)
from services.sync.adapters.salesforce.connector import SalesforceConnector
from services.sync.application.ports import Connector
from services.sync.application.quota import UNGOVERNED, CallMeter
from services.sync.domain.records import Kind, Side
from services.sync.settings import Settings
from services.sync.settings.vendors import SalesforceSection


def make_connectors(
    settings: Settings,
    clock: Clock = now_ms,
    meters: Mapping[str, CallMeter] = MappingProxyType({}),
) -> Mapping[Side, Connector]:
    """Return the connector of each side, not started; *meters* by system count their calls."""
    ma, sfa = (meters.get(each, UNGOVERNED) for each in (settings.ma.system, settings.sfa.system))
    return {
        Side.MA: HubSpotConnector(hubspot_account(settings), settings.ma_fields, clock=clock, quota=ma),
        Side.SFA: SalesforceConnector(salesforce_account(settings), settings.sfa_fields, clock, sfa),
    }


def calls(connectors: Iterable[Connector]) -> Iterator[tuple[str, int]]:
    """Yield how many requests were sent to each vendor: system, calls."""
    for each in connectors:
        if isinstance(each, HubSpotConnector | SalesforceConnector):
            yield each.system, each.calls


def hubspot_account(settings: Settings) -> HubSpotAccount:
    """Return what the HubSpot connector is told."""
    secrets, section = settings.secrets, settings.ma
    oauth = None
    if section.auth == "oauth":
        oauth = OAuthGrant(
            client_id=_told(secrets.hubspot_client_id),
            client_secret=_told(secrets.hubspot_client_secret),
            refresh_token=_told(secrets.hubspot_refresh_token),
        )
    return HubSpotAccount(
        app_id=section.app_id,
        client_secret=_told(secrets.hubspot_client_secret),
        base_url=section.base_url,
        token=None if oauth else _told(secrets.hubspot_token),
        oauth=oauth,
        portal_id=section.portal_id,
        own_property=section.own_property,
        webhook_window_ms=section.webhook_window_ms,
        people=settings.rules.assignment.everybody,
    )


def salesforce_account(settings: Settings) -> SalesforceAccount:
    """Return what the Salesforce connector is told."""
    section = settings.sfa
    return SalesforceAccount(
        login_url=section.login_url,
        auth=_salesforce_auth(settings, section),
        api_version=section.api_version,
        pubsub_endpoint=str(section.pubsub),
        pubsub_tls=section.pubsub_tls,
        external_id_field=section.external_id_field,
        checked_values=_stage_values(settings),
        people=settings.rules.assignment.everybody,
        channels=(*DEFAULT_CHANNELS, ACCOUNT_CHANNEL)
        if settings.sfa_fields.keeps_companies
        else DEFAULT_CHANNELS,
    )


def _salesforce_auth(settings: Settings, section: SalesforceSection) -> ClientCredentials | JwtBearer:
    secrets = settings.secrets
    client_id = _told(secrets.salesforce_client_id)
    if section.auth == "client-credentials":
        return ClientCredentials(client_id=client_id, client_secret=_told(secrets.salesforce_client_secret))
    key, username = _told(secrets.salesforce_private_key), section.username or ""
    if section.audience is not None:
        return JwtBearer(client_id=client_id, username=username, private_key=key, audience=section.audience)
    return JwtBearer(client_id=client_id, username=username, private_key=key)


def _stage_values(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the stage map's values by ``Object.Field``, for `check` to look up in the picklists."""
    found: dict[str, tuple[str, ...]] = {}
    for stages in settings.rules.stages:
        if stages.side is not Side.SFA:
            continue
        sobject = "Opportunity" if stages.kind is Kind.OPPORTUNITY else "Lead"
        for mapped in settings.sfa_fields.of(stages.kind, sobject):
            if mapped.name == stages.field:
                found[f"{sobject}.{mapped.vendor_name}"] = tuple(stages.milestones)
    return found


def _told(secret: SecretStr | None) -> str:
    """Return the secret; the settings made sure of those that are needed."""
    return secret.get_secret_value() if secret is not None else ""
