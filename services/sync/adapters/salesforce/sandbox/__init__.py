"""A stateful stand-in for a Salesforce organisation: REST, OAuth, SOQL, change events over the Pub/Sub API."""

from services.sync.adapters.salesforce.sandbox.server import SalesforceSandbox
from services.sync.adapters.salesforce.sandbox.settings import Person, SandboxSettings

__all__ = ["Person", "SalesforceSandbox", "SandboxSettings"]
