"""Store formats of the KPI service."""
