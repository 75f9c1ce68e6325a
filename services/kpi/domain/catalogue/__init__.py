"""The metrics that marketing, inside sales and field sales share, as data, in the order in which they are shown."""

from types import MappingProxyType

from services.kpi.domain.catalogue.deals import DEALS
from services.kpi.domain.catalogue.funnel import FUNNEL
from services.kpi.domain.catalogue.talks import TALKS
from services.kpi.domain.catalogue.times import TIMES

METRICS = MappingProxyType({each.name: each for each in (*FUNNEL, *TALKS, *DEALS, *TIMES)})
"""All metrics by name."""
