"""`tasuki sandbox`: sandboxes that have what the field map names, and end when told to."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from services.cli import main as entry
from services.cli.sandbox_setup import hubspot_properties, hubspot_subscriptions, salesforce_fields
from services.sync.adapters.hubspot.sandbox import HubSpotSandbox, SandboxSettings
from services.sync.adapters.salesforce.sandbox import SandboxSettings as SalesforceSettings
from services.sync.domain.records import Kind
from services.sync.settings import DEMO_ENVIRONMENT
from services.sync.settings.demo import DEMO_APP_ID, DEMO_PORTAL_ID
from tests.unit.settings.small_firm import changed, settings_of
from tests.waiting import PATIENCE_S


def test_a_portal_gets_the_properties_that_the_map_names_and_it_lacks() -> None:
    """Standard properties stay HubSpot's; the firm's own are made with the type of the map."""
    text = changed(
        ("[handoffs]", '[[fields]]\nname = "points"\ntype = "integer"\nma = "our_points"\n[handoffs]')
    )
    fields = settings_of(text).ma_fields

    made = {each.name: each.type for each in hubspot_properties(fields)}

    assert made == {"origin": "string", "our_points": "number"}


async def test_a_portal_tells_of_every_field_of_the_map() -> None:
    """The sandbox takes the subscriptions; each mapped property is among them, once."""
    fields = settings_of().ma_fields
    portal = HubSpotSandbox(SandboxSettings(extra_properties=hubspot_properties(fields)))

    portal.state.subscribe(*hubspot_subscriptions(fields))

    told = [each.property for each in portal.state.subscriptions.all.values() if each.property]
    assert sorted(told) == sorted({each.vendor_name for each in fields.of(Kind.LEAD)})


def test_an_organisation_gets_the_fields_that_the_map_names_and_it_lacks() -> None:
    """A custom field is made on the objects that the map says."""
    text = changed(("[handoffs]", '[[fields]]\nname = "fit"\nsfa = { contact = "Fit__c" }\n[handoffs]'))

    made = salesforce_fields(settings_of(text).sfa_fields)

    assert [each.name for each in made["Contact"]] == ["Fit__c"]
    assert made["Lead"] == ()


def test_the_demos_secrets_are_those_that_the_sandboxes_take() -> None:
    """Whoever starts a sandbox by itself can use the demo's configuration as it is."""
    portal, organisation = SandboxSettings(), SalesforceSettings()

    assert (portal.portal_id, portal.app_id) == (DEMO_PORTAL_ID, DEMO_APP_ID)
    assert {
        "TASUKI_HUBSPOT_TOKEN": portal.token,
        "TASUKI_HUBSPOT_CLIENT_SECRET": portal.client_secret,
        "TASUKI_SALESFORCE_CLIENT_ID": organisation.client_id,
        "TASUKI_SALESFORCE_CLIENT_SECRET": organisation.client_secret,
    } == DEMO_ENVIRONMENT


@pytest.mark.parametrize(
    ("vendor", "key", "ports"),
    [
        ("hubspot", "base_url", ("--port", "0")),
        ("salesforce", "pubsub", ("--port", "0", "--grpc-port", "0")),
    ],
)
async def test_a_sandbox_says_how_to_reach_it_and_ends_when_told(
    vendor: str, key: str, ports: tuple[str, ...]
) -> None:
    """Its first line is its address; Ctrl-C ends it with 0."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli.main", "sandbox", vendor, *ports),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(Path(entry.__file__).parents[2]), **os.environ},
    )
    assert process.stdout is not None
    shown = ""
    async with asyncio.timeout(PATIENCE_S):
        while f"TASUKI_{vendor.upper()}_CLIENT_SECRET" not in shown:
            shown += (await process.stdout.readline()).decode()
        process.send_signal(signal.SIGINT)
        code = await process.wait()

    assert code == 0
    assert "sandbox: http://127.0.0.1:" in shown
    assert f'{key} = "' in shown
