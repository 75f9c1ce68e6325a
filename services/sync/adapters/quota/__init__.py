"""The quota governor: calls to the vendors counted in the store, for all processes together."""

from services.sync.adapters.quota.governor import QuotaGovernor

__all__ = ["QuotaGovernor"]
