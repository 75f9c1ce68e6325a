"""The composition root of the KPI service: everything else is handed what it needs from here."""

from services.kpi.app.service import Kpi, build, run

__all__ = ["Kpi", "build", "run"]
