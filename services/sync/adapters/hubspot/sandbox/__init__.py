"""A stateful simulator of a HubSpot portal, with its limits and faults, over real HTTP."""

from services.sync.adapters.hubspot.sandbox.schema import Property
from services.sync.adapters.hubspot.sandbox.server import HubSpotSandbox, serve
from services.sync.adapters.hubspot.sandbox.settings import Delivery, Owner, SandboxSettings

__all__ = ["Delivery", "HubSpotSandbox", "Owner", "Property", "SandboxSettings", "serve"]
