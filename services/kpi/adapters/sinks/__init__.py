"""Where alerts go: each file one technology behind one of the ports `Sink` and `Asking`."""

from services.kpi.adapters.sinks.apprise_sink import AppriseSink
from services.kpi.adapters.sinks.sales_task import SalesTaskSink
from services.kpi.adapters.sinks.webhook import WebhookSink

__all__ = ["AppriseSink", "SalesTaskSink", "WebhookSink"]
