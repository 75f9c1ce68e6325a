"""The KPIs over HTTP: figures, tables, CSV, and a live stream of changes."""

from services.kpi.adapters.feed.app import Feed, make_feed

__all__ = ["Feed", "make_feed"]
