"""Runs a HubSpot sandbox by itself: ``python -m services.sync.adapters.hubspot.sandbox --port 8101``."""

import argparse
import asyncio
import signal
import sys

from services.sync.adapters.hubspot.sandbox.server import HubSpotSandbox
from services.sync.adapters.hubspot.sandbox.settings import Delivery, SandboxSettings


def main() -> None:
    """Parse the arguments and serve until the process is told to end."""
    asyncio.run(_run(_arguments()))


def _arguments() -> argparse.Namespace:
    defaults, delivery = SandboxSettings(), Delivery()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; it is printed")
    parser.add_argument("--target-url", help="where webhooks are sent")
    parser.add_argument("--public-url", help="the URL that is signed, if it isn't the target")
    parser.add_argument("--client-secret", default=defaults.client_secret, help="signs the webhooks")
    parser.add_argument("--token", default=defaults.token)
    parser.add_argument("--app-id", type=int, default=defaults.app_id)
    parser.add_argument("--portal-id", type=int, default=defaults.portal_id)
    parser.add_argument("--subscribe", nargs="*", default=[], metavar="contact.propertyChange:email")
    parser.add_argument("--ten-secondly", type=int, default=defaults.ten_secondly)
    parser.add_argument("--daily", type=int, default=defaults.daily)
    parser.add_argument("--search-lag-ms", type=int, default=defaults.search_lag_ms)
    parser.add_argument(
        "--time-factor", type=float, default=delivery.time_factor, help="1: real retry delays"
    )
    parser.add_argument("--max-retry-delay-ms", type=int)
    parser.add_argument("--never-give-up", action="store_true", help="repeat webhooks for ever")
    return parser.parse_args()


def _settings(given: argparse.Namespace) -> SandboxSettings:
    return SandboxSettings(
        portal_id=given.portal_id,
        app_id=given.app_id,
        token=given.token,
        client_secret=given.client_secret,
        ten_secondly=given.ten_secondly,
        daily=given.daily,
        search_lag_ms=given.search_lag_ms,
        delivery=Delivery(
            target_url=given.target_url,
            public_url=given.public_url,
            time_factor=given.time_factor,
            max_retry_delay_ms=given.max_retry_delay_ms,
            give_up=not given.never_give_up,
        ),
    )


async def _run(given: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with HubSpotSandbox(_settings(given), host=given.host, port=given.port) as sandbox:
        sandbox.state.subscribe(*given.subscribe)
        sys.stdout.write(f"{sandbox.base_url}\n")
        sys.stdout.flush()
        await ended.wait()


if __name__ == "__main__":
    main()
