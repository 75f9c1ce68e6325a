"""Where alerts go: each file one technology behind the port `Sink`."""

from services.kpi.adapters.sinks.apprise_sink import AppriseSink
from services.kpi.adapters.sinks.sales_task import SalesTaskSink, TaskRequest, TaskRequests
from services.kpi.adapters.sinks.webhook import WebhookSink

__all__ = ["AppriseSink", "SalesTaskSink", "TaskRequest", "TaskRequests", "WebhookSink"]
