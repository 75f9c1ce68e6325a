"""`tasuki sandbox`: a HubSpot portal or a Salesforce organisation of your own, on this machine."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.invocation import invocation_of, quiet_logging
from services.errors import Misconfigured
from services.sync.domain.records import Kind
from services.sync.settings import CONFIG_FILE, DEMO_ENVIRONMENT, Settings, loads, sandbox_document
from services.sync.settings.demo import (
    DEMO_APP_ID,
    DEMO_PORTAL_ID,
    HUBSPOT_PORT,
    PUBSUB_PORT,
    SALESFORCE_PORT,
)

_FIRST_OWNER = 71_001

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
        help=f"Take fields and people from this configuration; else from ./{CONFIG_FILE}, if there is one.",
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
    port: PortOption = HUBSPOT_PORT,
    webhooks: Annotated[
        str | None,
        typer.Option(
            "--webhooks",
            metavar="URL",
            show_default=False,
            help="Where webhooks are sent; else to the [http] host and port of the configuration.",
        ),
    ] = None,
) -> None:
    """
    Run a HubSpot portal in memory.

    It has the contact properties that the field map names and the people in [assignment], and sends signed
    webhooks. Open its address in a browser to act as marketing.
    """
    from services.cli.sandbox_setup import (  # noqa: PLC0415 - the sandboxes take a second to import
        hubspot_properties,
        hubspot_subscriptions,
        people,
    )
    from services.sync.adapters.hubspot.sandbox import (  # noqa: PLC0415 - likewise
        Delivery,
        HubSpotSandbox,
        Owner,
        SandboxSettings,
    )

    quiet_logging()
    settings = _settings(context, config)
    portal = HubSpotSandbox(
        SandboxSettings(
            portal_id=DEMO_PORTAL_ID,
            app_id=DEMO_APP_ID,
            token=DEMO_ENVIRONMENT["TASUKI_HUBSPOT_TOKEN"],
            client_secret=DEMO_ENVIRONMENT["TASUKI_HUBSPOT_CLIENT_SECRET"],
            own_property=settings.ma.own_property,
            extra_properties=hubspot_properties(settings.ma_fields),
            extra_company_properties=hubspot_properties(settings.ma_fields, Kind.COMPANY),
            owners=tuple(
                Owner(str(_FIRST_OWNER + place), email, first, last)
                for place, (email, last, first) in enumerate(people(settings))
            ),
            delivery=Delivery(
                target_url=webhooks or _door(settings),
                public_url=settings.webhook_url("hubspot"),
                give_up=False,
            ),
        ),
        host=host,
        port=port,
    )
    portal.state.subscribe(*hubspot_subscriptions(settings.ma_fields))

    def about() -> Sequence[str]:
        wanted = {"base_url": portal.base_url, "portal_id": DEMO_PORTAL_ID, "app_id": DEMO_APP_ID}
        return _instructions("HubSpot", portal.base_url, "ma", wanted, settings)

    asyncio.run(_serve(portal, about, f"{host}:{port}"))


@sandbox.command("salesforce")
def salesforce(
    context: typer.Context,
    config: MapOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = SALESFORCE_PORT,
    grpc_port: Annotated[
        int,
        typer.Option("--grpc-port", min=0, max=65_535, help="Port of the change stream; 0 takes a free one."),
    ] = PUBSUB_PORT,
) -> None:
    """
    Run a Salesforce organisation in memory.

    It has the custom fields that the field map names and the people in [assignment], and tells its changes
    over the Pub/Sub API. Open its address in a browser to act as sales.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC's own words about a port that is taken say less
    from services.cli.sandbox_setup import people, salesforce_fields  # noqa: PLC0415 - as above
    from services.sync.adapters.salesforce.sandbox import (  # noqa: PLC0415 - likewise
        Person,
        SalesforceSandbox,
        SandboxSettings,
    )

    quiet_logging()
    settings = _settings(context, config)
    organisation = SalesforceSandbox(
        SandboxSettings(
            client_id=DEMO_ENVIRONMENT["TASUKI_SALESFORCE_CLIENT_ID"],
            client_secret=DEMO_ENVIRONMENT["TASUKI_SALESFORCE_CLIENT_SECRET"],
            users=(
                Person("integration@tasuki.example", "Integration", "Tasuki"),
                *(Person(email, last, first) for email, last, first in people(settings)),
            ),
            extra_fields=salesforce_fields(settings.sfa_fields),
        ),
        host=host,
        port=port,
        grpc_port=grpc_port,
    )

    def about() -> Sequence[str]:
        wanted = {
            "login_url": organisation.base_url,
            "pubsub": organisation.grpc_target,
            "pubsub_tls": False,
        }
        return _instructions("Salesforce", organisation.base_url, "sfa", wanted, settings)

    asyncio.run(_serve(organisation, about, f"{host}:{port} and {grpc_port}"))


def _settings(context: typer.Context, config: Path | None) -> Settings:
    """Return the settings of the configuration that was named, of ./tasuki.toml, or else of `init --sandbox`."""
    invocation = invocation_of(context)
    if config is None and invocation.config is None and not Path(CONFIG_FILE).exists():
        return loads(sandbox_document(), {}, file=CONFIG_FILE, folder=Path(), need_secrets=False)
    return invocation.settings(config, need_secrets=False)


def _door(settings: Settings) -> str:
    """Return where the service of *settings* takes HubSpot's webhooks on this machine."""
    host = settings.http.host
    return (
        f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{settings.http.port}/webhooks/hubspot"  # noqa: S104 - compared only
    )


def _instructions(
    vendor: str, url: str, section: str, wanted: Mapping[str, str | int | bool], settings: Settings
) -> Sequence[str]:
    secrets = [f"{name}={value}" for name, value in DEMO_ENVIRONMENT.items() if f"_{vendor.upper()}_" in name]
    there = getattr(settings, section)
    lacking = [name for name, value in wanted.items() if str(getattr(there, name)) != str(value)]
    lines = [f"{vendor} sandbox: {url} (open it in a browser); Ctrl-C ends it, and it forgets everything", ""]
    if lacking:
        lines.append(f"in tasuki.toml, in the section [{section}] that is there:")
        lines += [f"  {name} = {_toml(value)}" for name, value in wanted.items()]
    else:
        lines.append(f"{settings.source} points here already")
    return [
        *lines,
        "",
        "in the environment of tasuki check and tasuki up:",
        *(f"  {each}" for each in secrets),
    ]


def _toml(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'


async def _serve(
    parts: AbstractAsyncContextManager[Any], about: Callable[[], Sequence[str]], place: str
) -> None:
    """Run *parts* until the process is told to end, after printing what *about* returns."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(parts)
        except OSError as error:
            raise Misconfigured(
                f"can't listen at {place}: {error.strerror or error}; choose others with --host and --port, "
                "or end what listens there"
            ) from error
        print("\n".join(about()), flush=True)
        await ended.wait()
