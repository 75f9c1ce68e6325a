"""The composition root: what is left of the vendors' limits, and what the service shows before it starts."""

from pathlib import Path

from services.runtime.metrics import Metrics
from services.sync.adapters.hubspot.client import Limits
from services.sync.adapters.hubspot.connector import HubSpotConnector
from services.sync.app import make_connectors
from services.sync.app.connectors import quotas
from services.sync.app.gauges import watch_calls
from services.sync.app.service import build
from services.sync.domain.records import Side
from services.sync.settings import Settings, demo_settings


def test_nothing_is_claimed_before_a_vendor_told_and_then_what_it_told(tmp_path: Path) -> None:
    """A limit that the vendor didn't mention has no figure."""
    connectors = make_connectors(_settings(tmp_path))
    assert not [*quotas(connectors.values())]

    hubspot = connectors[Side.MA]
    assert isinstance(hubspot, HubSpotConnector)
    hubspot.client.limits = Limits(seen_at=1, remaining=90)
    assert [*quotas(connectors.values())] == [("hubspot", "interval", 90)]

    hubspot.client.limits = Limits(seen_at=2, remaining=89, daily_remaining=400_000)
    assert [*quotas(connectors.values())] == [("hubspot", "interval", 89), ("hubspot", "daily", 400_000)]


async def test_vendor_calls_are_counted_and_shared_out_among_the_handoffs() -> None:
    """Each scrape adds what was sent since the last one; without a handoff there is nothing to divide by."""
    metrics, sent = Metrics(), {"hubspot": 3}
    watch_calls(metrics, sent.items)
    assert b"tasuki_handoff_vendor_calls{" not in await metrics.scrape()
    assert metrics.value("tasuki_vendor_calls_total", system="hubspot") == 3

    metrics.count("tasuki_handoffs_total", 2, handoff="mql")
    metrics.count("tasuki_handoffs_total", 2, handoff="sql")
    sent["hubspot"] = 10
    for _ in range(2):
        await metrics.scrape()
    assert metrics.value("tasuki_vendor_calls_total", system="hubspot") == 10
    assert metrics.value("tasuki_handoff_vendor_calls", system="hubspot") == 2.5


async def test_the_service_shows_health_for_each_stream_and_can_be_scraped_before_it_starts(
    tmp_path: Path,
) -> None:
    """The composition root registers what this is about; nothing of it needs a connection."""
    service = build(_settings(tmp_path), embedded_url="unix:///nowhere")

    channels = service.connectors[Side.SFA].channels
    assert channels
    assert service.health.components >= {f"stream.salesforce:{each}" for each in channels}
    assert service.health.components >= {"loop", "store", "log", "hubspot", "salesforce"}
    assert b"tasuki_outbox_records" in await service.metrics.scrape()


def _settings(folder: Path) -> Settings:
    return demo_settings(
        hubspot_url="http://127.0.0.1:1",
        salesforce_url="http://127.0.0.1:1",
        pubsub="127.0.0.1:1",
        data_folder=folder,
    )
