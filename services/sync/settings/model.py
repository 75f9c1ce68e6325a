"""The configuration as the rest of the service holds it: checked, frozen, in the domain's words."""

from dataclasses import dataclass

from services.configuration.platform import Platform
from services.sync.domain.field_map import FieldMap
from services.sync.domain.records import Side
from services.sync.domain.rules import Rules
from services.sync.settings.sync_section import SyncSection
from services.sync.settings.vendors import HubSpotSection, SalesforceSection


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Platform):
    """
    All that tasuki.toml and the environment say to sync.

    `rules`, `ma_fields` and `sfa_fields` are the domain's own types. What `sync` says of ties, skew, sources
    and first touch is in `rules` too: read it there.
    """

    ma: HubSpotSection
    sfa: SalesforceSection
    rules: Rules
    ma_fields: FieldMap
    sfa_fields: FieldMap
    sync: SyncSection

    def field_map(self, side: Side) -> FieldMap:
        """Return the field map of *side*."""
        return self.ma_fields if side is Side.MA else self.sfa_fields

    def webhook_url(self, system: str) -> str:
        """Return the address that the vendor *system* calls, as it signs it."""
        return f"{self.firm.public_url}/webhooks/{system}"
