"""The KPIs over HTTP: figures, tables, CSV, clocks, leads, and a live stream of changes."""

from services.kpi.adapters.feed.app import Feed, make_feed
from services.kpi.adapters.feed.lead_parts import LeadParts, make_lead_parts

__all__ = ["Feed", "LeadParts", "make_feed", "make_lead_parts"]
