"""Runs a Salesforce sandbox: ``python -m services.sync.adapters.salesforce.sandbox --port 0 --grpc-port 0``."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

from services.sync.adapters.salesforce.sandbox import SalesforceSandbox, SandboxSettings


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until the process is told to end; the addresses are the first line on standard output."""
    parser = argparse.ArgumentParser(prog="salesforce-sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="of HTTP; 0 takes a free one")
    parser.add_argument("--grpc-port", type=int, default=0, help="of the Pub/Sub API; 0 takes a free one")
    parser.add_argument("--keep-alive-ms", type=int, default=10_000, help="sign of life on idle streams")
    parser.add_argument("--daily-calls", type=int, default=1_000_000, help="API calls a day")
    parser.add_argument("--duplicate-rule", action="store_true", help="refuse a second person with an e-mail")
    asked = parser.parse_args(arguments)
    settings = SandboxSettings(
        keep_alive_ms=asked.keep_alive_ms,
        daily_calls=asked.daily_calls,
        duplicate_rule=asked.duplicate_rule,
    )
    sandbox = SalesforceSandbox(settings, host=asked.host, port=asked.port, grpc_port=asked.grpc_port)
    asyncio.run(_run(sandbox))


async def _run(sandbox: SalesforceSandbox) -> None:
    ended = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, ended.set)
    async with sandbox:
        sys.stdout.write(f"{sandbox.base_url} {sandbox.grpc_target}\n")
        sys.stdout.flush()
        await ended.wait()


if __name__ == "__main__":
    main()
