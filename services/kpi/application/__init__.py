"""Use cases of the KPI service, and the ports they need."""
