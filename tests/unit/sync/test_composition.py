"""The composition root: what is left of the vendors' limits, and what the service shows before it starts."""

from pathlib import Path

from services.sync.adapters.hubspot.client import Limits
from services.sync.adapters.hubspot.connector import HubSpotConnector
from services.sync.app import make_connectors
from services.sync.app.connectors import quotas
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


async def test_the_service_shows_health_for_each_stream_and_can_be_scraped_before_it_starts(
    tmp_path: Path,
) -> None:
    """The composition root registers what this is about; nothing of it needs a connection."""
    service = build(_settings(tmp_path), embedded_url="unix:///nowhere")

    channels = service.connectors[Side.SFA].channels
    assert channels
    assert service.health.components >= {f"stream.salesforce:{each}" for each in channels}
    assert b"tasuki_outbox_records" in await service.metrics.scrape()


def _settings(folder: Path) -> Settings:
    return demo_settings(
        hubspot_url="http://127.0.0.1:1",
        salesforce_url="http://127.0.0.1:1",
        pubsub="127.0.0.1:1",
        data_folder=folder,
    )
