"""The KPI service: the clock and the score."""
