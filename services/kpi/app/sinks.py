"""The sinks that the settings name, checked before the first message."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.errors import Misconfigured
from services.kpi.adapters.sinks import AppriseSink, SalesTaskSink, WebhookSink
from services.kpi.adapters.templates import Renderer
from services.kpi.application.notify import Asking, Sink
from services.kpi.settings import Settings, SinkSettings
from services.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Sinks:
    """The sinks by name; start them before use, stop them after."""

    by_name: Mapping[str, Sink | Asking]

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


def _made(sink: SinkSettings, renderer: Renderer, clock: Clock) -> Sink | Asking:
    url = "" if sink.address is None else sink.address.get_secret_value()
    try:
        if sink.kind == "apprise":
            return AppriseSink(url=url, renderer=renderer)
        if sink.kind == "webhook":
            secrets = [each.get_secret_value() for each in sink.secrets]
            return WebhookSink(url=url, secrets=secrets, renderer=renderer, clock=clock)
        return SalesTaskSink(renderer=renderer)
    except Misconfigured as error:
        raise _named(sink.name, error) from error


def _named(name: str, error: Misconfigured) -> Misconfigured:
    return Misconfigured(f"sink {name}: {error}")
