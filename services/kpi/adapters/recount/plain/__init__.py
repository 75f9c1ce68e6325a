"""
The recount itself: the lifecycle topic in DuckDB, counted by plain SQL from the definitions of the catalogue.

Nothing of the counting code is imported here: of the KPI service only how the firm counts, as data. So a mistake
on either side shows as a difference.
"""
