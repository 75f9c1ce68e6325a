"""The dashboard: pages over the feed's routes, in Japanese and English, up to date by themselves."""

from services.kpi.adapters.dashboard.routes import make_dashboard_router
from services.kpi.adapters.dashboard.sync_health import SyncHealth

__all__ = ["SyncHealth", "make_dashboard_router"]
