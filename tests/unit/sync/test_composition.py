"""The composition root: what is left of the vendors' limits, and what the service shows before it starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.runtime.metrics import Metrics
from services.runtime.store import Store
from services.sync.app.connectors import hubspot_account
from services.sync.app.gauges import headroom, watch_calls
from services.sync.app.quotas import make_governors
from services.sync.app.service import build
from services.sync.application.quota import CallEnd, Told
from services.sync.domain.records import Side
from services.sync.settings import Settings, demo_settings
from tests.private_store import StoreServer


async def test_nothing_is_claimed_of_a_limit_before_the_vendor_told(tmp_path: Path) -> None:
    """A limit that the vendor didn't mention has no figure; one that it told of has that, for all processes."""
    settings = _settings(tmp_path)
    server = StoreServer()
    store = Store(server.url)
    try:
        await store.start()
        hubspot, salesforce = make_governors(settings, store).values()
        left = headroom({"hubspot": hubspot, "salesforce": salesforce})
        ticket = await hubspot.take(("interval", "daily"))
        assert not [*await left()]

        await hubspot.settle(ticket, CallEnd(told=[Told("interval", 100, 90)]))
        assert [*await left()] == [("hubspot", "interval", 90)]

        ticket = await hubspot.take(("interval", "daily"))
        told = [Told("interval", 100, 89), Told("daily", 500_000, 400_000)]
        await hubspot.settle(ticket, CallEnd(told=told))
        assert [*await left()] == [("hubspot", "interval", 89), ("hubspot", "daily", 400_000)]
    finally:
        await store.close()
        server.stop()
    assert not [*await left()]


def test_the_settings_reach_the_connector_and_the_governor(tmp_path: Path) -> None:
    """Each key that speaks of limits or of the signature's age has somebody who reads it."""
    overrides = {
        "ma": {"webhook_window": "90s", "requests_per_10s": 190},
        "sync": {"mql_reserve_rate": 0.5},
    }
    settings = _settings(tmp_path, overrides)
    assert hubspot_account(settings).webhook_window_ms == 90_000
    governor = make_governors(settings, Store("unix:///nowhere"))["hubspot"]
    assert governor.limits["interval"].most == 190
    assert governor.reserve_rate == 0.5


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


def _settings(folder: Path, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
    return demo_settings(
        hubspot_url="http://127.0.0.1:1",
        salesforce_url="http://127.0.0.1:1",
        pubsub="127.0.0.1:1",
        data_folder=folder,
        overrides=overrides,
    )
