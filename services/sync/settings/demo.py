"""The built-in configuration for the demo and rehearsals: the template, pointed at sandboxes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import tomlkit

from services.sync.settings.loader import loads
from services.sync.settings.model import Settings
from services.sync.settings.template import template

Sections: TypeAlias = Mapping[str, Mapping[str, Any] | Sequence[Mapping[str, Any]]]
"""Section → key → value, as in the file; of a list of sections the whole list."""

DEMO_PORTAL_ID = 4_401_001
DEMO_APP_ID = 1_160_452
DEMO_ENVIRONMENT: Mapping[str, str] = {
    "TASUKI_HUBSPOT_TOKEN": "pat-na1-sandbox",
    "TASUKI_HUBSPOT_CLIENT_SECRET": "sandbox-client-secret",
    "TASUKI_SALESFORCE_CLIENT_ID": "tasuki-sandbox",
    "TASUKI_SALESFORCE_CLIENT_SECRET": "tasuki-sandbox-secret",
}
"""Fixed secrets that open nothing but a sandbox."""

HUBSPOT_PORT = 8_101
SALESFORCE_PORT = 8_102
PUBSUB_PORT = 8_103
"""Where the sandboxes listen that somebody starts by hand, unless told otherwise."""


def demo_document(
    *,
    hubspot_url: str,
    salesforce_url: str,
    pubsub: str,
    data_folder: Path,
    public_url: str = "http://127.0.0.1:8080",
    port: int = 0,
    overrides: Sections | None = None,
) -> str:
    """
    Return the text of a tasuki.toml for two sandboxes on this machine.

    Args:
        hubspot_url: Base address of the HubSpot sandbox, ``http://127.0.0.1:4321``.
        salesforce_url: Base address of the Salesforce sandbox.
        pubsub: ``host:port`` of its change stream, reached without TLS.
        data_folder: Where the embedded parts keep their files.
        public_url: What the HubSpot sandbox signs, without ``/webhooks/…``.
        port: Of our own web server; 0 takes a free one.
        overrides: Replaces what the demo says; a list of sections as a whole.
    """
    document = tomlkit.parse(template())
    changes: Sections = {
        "firm": {"name": "襷デモ株式会社", "public_url": public_url},
        "ma": {"base_url": hubspot_url, "portal_id": DEMO_PORTAL_ID, "app_id": DEMO_APP_ID},
        "sfa": {"login_url": salesforce_url, "pubsub": pubsub, "pubsub_tls": False},
        "assignment": {
            "sdr": ["sato@sandbox.example", "suzuki@sandbox.example"],
            "bdr": ["tanaka@sandbox.example"],
            "field_sales": ["suzuki@sandbox.example", "tanaka@sandbox.example"],
        },
        "data": {"folder": str(data_folder.absolute())},
        "http": {"port": port},
    }
    for section, values in (*changes.items(), *(overrides or {}).items()):
        if isinstance(values, Mapping):
            table = cast("dict[str, Any]", document.setdefault(section, tomlkit.table()))
            table.update(values)
        else:
            document[section] = list(values)
    return document.as_string()


def sandbox_document() -> str:
    """Return a tasuki.toml for two sandboxes started by hand at their own ports, as `init --sandbox` writes it."""
    return demo_document(
        hubspot_url=f"http://127.0.0.1:{HUBSPOT_PORT}",
        salesforce_url=f"http://127.0.0.1:{SALESFORCE_PORT}",
        pubsub=f"127.0.0.1:{PUBSUB_PORT}",
        data_folder=Path(),
        port=8_080,
        overrides={"data": {"folder": ".tasuki"}},
    )


def demo_settings(
    *,
    hubspot_url: str,
    salesforce_url: str,
    pubsub: str,
    data_folder: Path,
    public_url: str = "http://127.0.0.1:8080",
    port: int = 0,
    overrides: Sections | None = None,
    environ: Mapping[str, str] = DEMO_ENVIRONMENT,
) -> Settings:
    """
    Return the settings in `demo_document`, through the same loader as everybody's.

    Args:
        hubspot_url: See `demo_document`, also for what follows.
        salesforce_url: See there.
        pubsub: See there.
        data_folder: See there.
        public_url: See there.
        port: See there.
        overrides: See there.
        environ: The secrets.

    Raises:
        ConfigurationErrors: An argument or override is out of bounds; lines are those of that text.
    """
    text = demo_document(
        hubspot_url=hubspot_url,
        salesforce_url=salesforce_url,
        pubsub=pubsub,
        data_folder=data_folder,
        public_url=public_url,
        port=port,
        overrides=overrides,
    )
    return loads(text, environ, file="the demo's configuration", folder=data_folder)
