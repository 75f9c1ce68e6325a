"""
Slack, Teams, mail, LINE, Chatwork and whatever else the apprise library knows, by an apprise URL.

apprise blocks, so it runs in threads; it takes seconds to load, so it is loaded by the first message. It tells
only whether all went well: a failure may have been delivered all the same, and ``Retry-After`` isn't heard.
Source: https://appriseit.com/
"""

import importlib
import logging
from typing import Any
from urllib.parse import quote

from services.errors import Misconfigured
from services.kpi.adapters.sinks.threads import Threads
from services.kpi.adapters.templates.rendering import Renderer
from services.kpi.application.notify import SinkRefused, SinkUnavailable
from services.kpi.domain.notice_digest import Message

TARGET = "{target}"
"""Where in a URL the address of a personal message goes."""

_CONNECT_S = 5
_READ_S = 10


class AppriseSink:
    """
    See `Sink`.

    Args:
        url: An apprise URL, secrets included: from the environment. `{target}` in it is replaced by the address
            of the person that a message is for.
        threads: Shared by the sinks that may wait for each other; one of its own keeps a sink by itself.
    """

    def __init__(self, *, url: str, renderer: Renderer, threads: Threads | None = None) -> None:
        self._url = url
        self._renderer = renderer
        self._threads = threads or Threads()

    async def send(self, message: Message) -> None:
        """See `Sink.send`."""
        rendered = self._renderer.render(message)
        url = self._url.replace(TARGET, quote(message.target, safe=""))
        try:
            well = await self._threads.run(lambda: _notify(url, rendered.title, rendered.body))
        except Misconfigured as error:
            # `check` accepted the sink's URL, so it is the person's address: the others' messages go on.
            raise SinkRefused("apprise doesn't take the address that the message is for") from error
        if not well:
            raise SinkUnavailable("apprise could not deliver it, or not to all", doubt=True)

    async def check(self) -> None:
        """Raise Misconfigured if apprise doesn't know what to do with the URL; before the first message."""
        await self._threads.run(lambda: _made(self._url.replace(TARGET, "a@b.example")) is not None)


def _notify(url: str, title: str, body: str) -> bool:
    made = _made(url)
    return bool(made.notify(title=title, body=body, body_format="text"))


def _made(url: str) -> Any:
    apprise = _apprise()
    limits = f"{'&' if '?' in url else '?'}cto={_CONNECT_S}&rto={_READ_S}"
    made = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, app_id="tasuki"))
    # An URL that isn't known is refused without a word of what is in it: it holds secrets.
    if not made.add(url if "cto=" in url else url + limits):
        raise Misconfigured("a sink's URL isn't one that apprise knows; see docs/alerts.md")
    return made


def _apprise() -> Any:
    apprise = importlib.import_module("apprise")
    # What it logs names addresses and hosts.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise
