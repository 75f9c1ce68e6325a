"""The sinks that the settings name, checked before the first message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.errors import Misconfigured
from services.kpi.adapters.sinks import AppriseSink, WebhookSink
from services.kpi.adapters.templates import Renderer
from services.kpi.app.contract import Settings, SinkSettings
from services.kpi.application.notify import Sink
from services.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Sinks:
    """The sinks by name; start them before use, stop them after."""

    by_name: Mapping[str, Sink]

    async def start(self) -> None:
        """Raise Misconfigured, with the name of the sink, where one of them can't work."""
        for name, sink in self.by_name.items():
            if isinstance(sink, AppriseSink):
                try:
                    await sink.check()
                except Misconfigured as error:
                    raise _named(name, error) from error

    async def stop(self) -> None:
        """Disconnect."""
        for sink in self.by_name.values():
            if isinstance(sink, WebhookSink):
                await sink.close()


def make_sinks(settings: Settings, clock: Clock) -> Sinks:
    """Return the sinks; nothing is asked of them yet. Raises Misconfigured, with the name of the sink."""
    renderer = Renderer(settings.notices)
    return Sinks({each.name: _made(each, renderer, clock) for each in settings.sinks})


def _made(sink: SinkSettings, renderer: Renderer, clock: Clock) -> Sink:
    try:
        match sink.kind:
            case "apprise":
                return AppriseSink(url=sink.url, renderer=renderer)
            case "webhook":
                secrets: Sequence[str] = sink.secrets
                return WebhookSink(url=sink.url, secrets=secrets, renderer=renderer, clock=clock)
            case "sales-task":
                raise Misconfigured("tasks in the sales tool can't be asked for yet; name another kind")
    except Misconfigured as error:
        raise _named(sink.name, error) from error


def _named(name: str, error: Misconfigured) -> Misconfigured:
    return Misconfigured(f"sink {name}: {error}")
