"""HubSpot: contacts and engagements, webhooks v3."""

from services.sync.adapters.hubspot.account import HubSpotAccount, OAuthGrant, SignatureVersion
from services.sync.adapters.hubspot.connector import HubSpotConnector

__all__ = ["HubSpotAccount", "HubSpotConnector", "OAuthGrant", "SignatureVersion"]
