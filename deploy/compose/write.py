"""
Writes tasuki.toml for docker-compose.yml: two sandboxes, Kafka, Valkey, ports that the other containers reach.

    python -m deploy.compose.write > deploy/compose/tasuki.toml
"""

import sys
from typing import Any, cast

import tomlkit

from services.kpi.settings import template as kpi_template
from services.sync.settings import sandbox_document
from services.sync.settings.demo import HUBSPOT_PORT, PUBSUB_PORT, SALESFORCE_PORT

HEAD = """\
# For docker-compose.yml: two sandboxes, Kafka and Valkey in containers beside the services. Written by
# deploy/compose/write.py. For real accounts take a copy, put in what is marked "yours", take base_url, pubsub and
# pubsub_tls out, and name the copy in TASUKI_CONFIG.
"""

CHANGES: dict[str, dict[str, Any]] = {
    "firm": {"public_url": "http://sync:8080"},
    "ma": {"base_url": f"http://hubspot:{HUBSPOT_PORT}"},
    "sfa": {"login_url": f"http://salesforce:{SALESFORCE_PORT}", "pubsub": f"salesforce:{PUBSUB_PORT}"},
    "log": {"kind": "kafka", "bootstrap_servers": ["kafka:9092"]},
    "store": {"kind": "redis", "url": "redis://valkey:6379/0"},
    "http": {"host": "0.0.0.0"},  # noqa: S104 -- of the container; Compose opens it on loopback only
    "logs": {"format": "json"},
    "feed": {
        "host": "0.0.0.0",  # noqa: S104 -- likewise
        "public_url": "http://127.0.0.1:8081",
        "keys": [{"name": "dashboard", "role": "read"}],
    },
}


def text() -> str:
    """Return the file."""
    document = tomlkit.parse(f"{sandbox_document()}\n{kpi_template()}")
    for section, values in CHANGES.items():
        cast("dict[str, Any]", document[section]).update(values)
    del document["data"]
    return f"{HEAD}\n{document.as_string()}"


if __name__ == "__main__":
    sys.stdout.write(text())
