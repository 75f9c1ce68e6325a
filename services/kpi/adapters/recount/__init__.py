"""A second count of the KPIs, by other means, and what differs from the service's."""

from services.kpi.adapters.recount.compare import Difference
from services.kpi.adapters.recount.figures import Key, Value
from services.kpi.adapters.recount.run import Basis, NotComplete, Recounted, recount

__all__ = ["Basis", "Difference", "Key", "NotComplete", "Recounted", "Value", "recount"]
