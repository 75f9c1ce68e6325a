"""`tasuki sandbox`: a HubSpot portal or a Salesforce organisation of your own, on this machine."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.invocation import invocation_of
from services.sync.settings import DEMO_ENVIRONMENT, Settings, loads, template
from services.sync.settings.demo import DEMO_APP_ID, DEMO_PORTAL_ID

sandbox = typer.Typer(
    no_args_is_help=True,
    help="Run a simulated HubSpot or Salesforce on this machine, to rehearse with.",
)
MapOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="TASUKI_CONFIG",
        metavar="FILE",
        show_default=False,
        help="Take the field map from this configuration; else from that of `tasuki init`.",
    ),
]
HostOption = Annotated[str, typer.Option("--host", help="Address to listen on.")]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65_535, help="Port of HTTP; 0 takes a free one.")
]


@sandbox.command("hubspot")
def hubspot(
    context: typer.Context,
    config: MapOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 0,
    webhooks: Annotated[
        str, typer.Option("--webhooks", metavar="URL", help="Where webhooks are sent.")
    ] = "http://127.0.0.1:8080/webhooks/hubspot",
) -> None:
    """
    Run a HubSpot portal in memory.

    It has the contact properties that the field map names, and sends signed webhooks for all of them. Open
    its address in a browser to act as marketing.
    """
    from services.cli.sandbox_setup import (  # noqa: PLC0415 - the sandboxes take a second to import
        hubspot_properties,
        hubspot_subscriptions,
    )
    from services.sync.adapters.hubspot.sandbox import (  # noqa: PLC0415 - likewise
        Delivery,
        HubSpotSandbox,
        SandboxSettings,
    )

    settings = _settings(context, config)
    portal = HubSpotSandbox(
        SandboxSettings(
            portal_id=DEMO_PORTAL_ID,
            app_id=DEMO_APP_ID,
            token=DEMO_ENVIRONMENT["TASUKI_HUBSPOT_TOKEN"],
            client_secret=DEMO_ENVIRONMENT["TASUKI_HUBSPOT_CLIENT_SECRET"],
            own_property=settings.ma.own_property,
            extra_properties=hubspot_properties(settings.ma_fields),
            delivery=Delivery(target_url=webhooks, public_url=settings.webhook_url("hubspot"), give_up=False),
        ),
        host=host,
        port=port,
    )
    portal.state.subscribe(*hubspot_subscriptions(settings.ma_fields))

    def about() -> Sequence[str]:
        keys = f'[ma]\nbase_url = "{portal.base_url}"\nportal_id = {DEMO_PORTAL_ID}\napp_id = {DEMO_APP_ID}'
        return _instructions("HubSpot", portal.base_url, keys)

    asyncio.run(_serve(portal, about))


@sandbox.command("salesforce")
def salesforce(
    context: typer.Context,
    config: MapOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 0,
    grpc_port: Annotated[
        int,
        typer.Option("--grpc-port", min=0, max=65_535, help="Port of the change stream; 0 takes a free one."),
    ] = 0,
) -> None:
    """
    Run a Salesforce organisation in memory.

    It has the custom fields that the field map names, and tells its changes over the Pub/Sub API. Open its
    address in a browser to act as sales.
    """
    from services.cli.sandbox_setup import salesforce_fields  # noqa: PLC0415 - as above
    from services.sync.adapters.salesforce.sandbox import (  # noqa: PLC0415 - likewise
        SalesforceSandbox,
        SandboxSettings,
    )

    organisation = SalesforceSandbox(
        SandboxSettings(
            client_id=DEMO_ENVIRONMENT["TASUKI_SALESFORCE_CLIENT_ID"],
            client_secret=DEMO_ENVIRONMENT["TASUKI_SALESFORCE_CLIENT_SECRET"],
            extra_fields=salesforce_fields(_settings(context, config).sfa_fields),
        ),
        host=host,
        port=port,
        grpc_port=grpc_port,
    )

    def about() -> Sequence[str]:
        keys = f'[sfa]\nlogin_url = "{organisation.base_url}"\npubsub = "{organisation.grpc_target}"\npubsub_tls = false'
        return _instructions("Salesforce", organisation.base_url, keys)

    asyncio.run(_serve(organisation, about))


def _settings(context: typer.Context, config: Path | None) -> Settings:
    """Return the settings of the configuration that was named, or else of the template."""
    invocation = invocation_of(context)
    if config is None and invocation.config is None:
        return loads(template(), {}, file="tasuki.toml", folder=Path(), need_secrets=False)
    return invocation.settings(config, need_secrets=False)


def _instructions(vendor: str, url: str, keys: str) -> Sequence[str]:
    secrets = [f"{name}={value}" for name, value in DEMO_ENVIRONMENT.items() if f"_{vendor.upper()}_" in name]
    return [
        f"{vendor} sandbox: {url} (open it in a browser); Ctrl-C ends it, and it forgets everything",
        "",
        "in tasuki.toml:",
        *(f"  {line}" for line in keys.splitlines()),
        "",
        "in the environment:",
        *(f"  {line}" for line in secrets),
    ]


async def _serve(parts: AbstractAsyncContextManager[Any], about: Callable[[], Sequence[str]]) -> None:
    """Run *parts* until the process is told to end, after printing what *about* returns."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with parts:
        print("\n".join(about()), flush=True)
        await ended.wait()
