"""
Both services over two sandboxes, with a store that may be taken back: beside the log on one server, as on one machine,
or on a server of its own.
"""

import asyncio
import shutil
import socket
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from schemas.topics import LIFECYCLE
from services.cli.sandbox_setup import hubspot_subscriptions
from services.cli.settings import Configured, loads
from services.cli.stage.books import Books
from services.cli.stage.export import export
from services.cli.stage.portals import hubspot_settings, salesforce_settings
from services.cli.stage.quiet import quiet
from services.cli.stage.sandbox_client import Act, SandboxClient
from services.kpi.app import build as build_kpi
from services.kpi.app.counting import SERVICE as KPI
from services.runtime import lifecycle
from services.runtime.clock import now_ms
from services.runtime.dump import dump
from services.runtime.keys import ShardId
from services.runtime.packing import unpack
from services.runtime.valkey_process import launch, server_binary
from services.runtime.valkey_server import EmbeddedServer
from services.sync.adapters.hubspot.sandbox import HubSpotSandbox
from services.sync.adapters.salesforce.sandbox import SalesforceSandbox
from services.sync.adapters.sweep_orders import SweepOrders
from services.sync.app import build as build_sync
from services.sync.app import make_log, make_store, topic_specs
from services.sync.application.orders import Order
from services.sync.settings import demo_document
from services.sync.settings.demo import DEMO_ENVIRONMENT
from tests.waiting import wait_until

PARTITIONS = 2
PUBLIC_URL = "https://tasuki.sandbox.example"
MQL = {"jobtitle": "製造部 部長", "num_conversion_events": "3", "document_downloads": "2"}
WRITTEN = {"lastmodifieddate", "LastModifiedDate", "LastModifiedById", "SystemModstamp"}
"""Fields that tell when and by whom a record was last written."""
QUIET_S = 60


class Firm:
    """
    The sandboxes, the servers, and the services while they run.

    Where the configuration names no store of its own, `log_server` holds the store too.
    """

    def __init__(self, folder: Path, configured: Configured, ma: SandboxClient, sfa: SandboxClient) -> None:
        self.configured, self.ma, self.sfa = configured, ma, sfa
        self.log_server = EmbeddedServer(folder / "log")
        url = configured.sync.store.url
        self._port = None if url is None else int(str(url).rpartition(":")[2].partition("/")[0])
        self.store_folder = folder / ("log" if url is None else "store")
        apart = EmbeddedServer(self.store_folder, port=self._port)
        self.store_server = self.log_server if url is None else apart

    async def contact(self, number: int, **fields: str) -> None:
        """Let marketing make a contact that qualifies."""
        who = {"lastname": f"山田{number}", "company": "A社", "email": f"p{number}@firm.example"}
        await self.ma.act([Act(act="create", object="contact", fields={**who, **MQL, **fields})])

    async def qualify(self, number: int) -> None:
        """Let sales find the lead worth an opportunity."""
        (lead,) = [
            each["id"]
            async for each in self.sfa.records("Lead")
            if each["fields"]["Email"] == f"p{number}@firm.example"
        ]
        await self.sfa.act([Act(act="update", object="Lead", id=lead, fields={"Status": "Qualified"})])

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """Run both services as their composition roots make them; they must end well."""
        url, stop = self.log_server.url, asyncio.Event()
        sync = build_sync(self.configured.sync, embedded_url=url)
        kpi = build_kpi(self.configured.kpi, embedded_url=url)
        life = asyncio.create_task(lifecycle.run([*sync.components, *kpi.components], until=stop))
        try:
            await wait_until(
                lambda: life.done() or (kpi.feed.server is not None and sync.server is not None),
                within_s=30,
                description="both services answer",
            )
            yield
        finally:
            stop.set()
            assert await life is lifecycle.ExitCode.STOPPED

    async def rest(self) -> None:
        """Wait until nothing is under way, down to the KPIs."""
        async with self.books() as books:
            await quiet([self.ma, self.sfa], books, within_s=QUIET_S)

            async def counted() -> bool:
                return await books.uncounted() == 0

            await wait_until(counted, within_s=QUIET_S, description="all is counted", every_s=0.05)

    @asynccontextmanager
    async def books(self) -> AsyncGenerator[Books]:
        """Give the books of the services."""
        url = self.log_server.url
        log, store = make_log(self.configured.sync, url), make_store(self.configured.sync, url)
        try:
            await store.start()
            await log.start()
            await log.ensure_topics(topic_specs(PARTITIONS))
            yield Books(log=log, store=store, partitions=PARTITIONS)
        finally:
            await log.close()
            await store.close()

    async def leads(self) -> bytes:
        """Return what the store knows of the leads, without a trace of how it came to know it."""
        async with self.books() as books:
            return export([each async for each in books.leads()], self.configured.sync.rules)

    async def counters(self) -> list[Any]:
        """Return all that the KPIs keep, but for how far they read and when they told which figure."""
        async with self.books() as books:
            shards = [ShardId(KPI, LIFECYCLE.name, each) for each in range(PARTITIONS)]
            held: list[Any] = [unpack(await dump(books.store, each)) for each in shards]
        return [entry for each in held for entry in each if entry[0] not in {b"ledger", b"snapshots"}]

    async def unread(self) -> int:
        """Return how many records of the log the store doesn't reflect."""
        async with self.books() as books:
            return (await books.under_way()).unread + await books.uncounted()

    async def vendors(self, *, modified: bool = True) -> Mapping[str, Any]:
        """Return what stands in both tools, by object; *modified*, with when each record was last written."""
        found: dict[str, Any] = {}
        for client, objects in ((self.ma, ("contact",)), (self.sfa, ("Lead", "Opportunity", "Task"))):
            for name in objects:
                records = [dict(each["fields"]) async for each in client.records(name)]
                if not modified:
                    records = [{k: each[k] for k in each.keys() - WRITTEN} for each in records]
                found[name] = sorted(str(sorted(each.items())) for each in records)
        return found

    def back_up_running(self, to: Path) -> None:
        """Copy the store while it runs: a snapshot that it writes just now."""
        with Redis(port=self._port or 0) as client:
            client.save()
        to.mkdir()
        shutil.copy2(self.store_folder / "dump.rdb", to)

    async def back_up_stopped(self, to: Path) -> None:
        """Copy the whole folder while its server is stopped."""
        await self.store_server.stop()
        shutil.copytree(self.store_folder, to, ignore=shutil.ignore_patterns("*.sock"))
        await self.store_server.start()

    async def sweep(self) -> None:
        """Order what `tasuki sweep` orders."""
        async with self.books() as books:
            for system, name in (
                ("hubspot", "contact"),
                ("salesforce", "Lead"),
                ("salesforce", "Opportunity"),
                ("salesforce", "Task"),
            ):
                order = Order(system, name, "ordered", now_ms() - 3_600_000)
                await SweepOrders(books.store).order(order)

    async def restore(self, backup: Path) -> None:
        """Lose the store's folder, and start the store on *backup* instead."""
        await self.store_server.stop()
        shutil.rmtree(self.store_folder)
        shutil.copytree(backup, self.store_folder)
        if (self.store_folder / "dump.rdb").exists():
            await asyncio.to_thread(take_in_snapshot, self.store_folder)
        await self.store_server.start()


def take_in_snapshot(folder: Path) -> None:
    """
    Make an append-only file of the snapshot in *folder*.

    A server that is started with its append-only file on passes over a snapshot, and begins empty.
    """
    place = folder / "once.sock"
    options = ["--port", "0", "--unixsocket", str(place), "--dir", str(folder), "--appendonly", "no"]
    process = launch(server_binary(), options, folder=folder, output=folder / "once.log")
    with Redis(unix_socket_path=str(place)) as client:
        until(lambda: place.exists() and client.ping())
        client.config_set("appendonly", "yes")
        until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0)
        client.shutdown(nosave=True)
    process.wait()


def until(holds: Callable[[], object]) -> None:
    """Return as soon as *holds*, while the server is still coming up."""
    deadline = time.monotonic() + QUIET_S
    while True:
        with suppress(RedisError):
            if holds():
                return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def configured(folder: Path, **places: str) -> Configured:
    """Return the settings of both services; *places* has ports and addresses, `store` only where it is apart."""
    apart = {"kind": "redis", "url": f"redis://127.0.0.1:{places.get('store')}/0"}
    store = apart if "store" in places else {"kind": "embedded"}
    text = demo_document(
        hubspot_url=places.get("hubspot", "http://127.0.0.1:1"),
        salesforce_url=places.get("salesforce", "http://127.0.0.1:2"),
        pubsub=places.get("pubsub", "127.0.0.1:3"),
        data_folder=folder,
        public_url=PUBLIC_URL,
        port=int(places.get("door", "0")),
        overrides={
            "log": {"partitions": PARTITIONS},
            "store": store,
            "feed": {"port": 0},
            "sync": {"reconcile_grace": "0s"},
        },
    )
    return loads(text, DEMO_ENVIRONMENT, file="the test's", folder=folder)


@asynccontextmanager
async def firm(folder: Path, *, apart: bool) -> AsyncGenerator[Firm]:
    """Give the sandboxes and the servers, the store's *apart* from the log's; the services don't run yet."""
    door, plain = free_port(), configured(folder)
    places = {"store": str(free_port())} if apart else {}
    async with AsyncExitStack() as stack:
        hook = f"http://127.0.0.1:{door}/webhooks/hubspot"
        portal = hubspot_settings(plain.sync.ma_fields, hook=hook, public=f"{PUBLIC_URL}/webhooks/hubspot")
        hubspot = await stack.enter_async_context(HubSpotSandbox(portal))
        hubspot.state.subscribe(*hubspot_subscriptions(plain.sync.ma_fields))
        salesforce = await stack.enter_async_context(
            SalesforceSandbox(salesforce_settings(plain.sync.sfa_fields))
        )
        found = configured(
            folder,
            hubspot=hubspot.base_url,
            salesforce=salesforce.base_url,
            pubsub=salesforce.grpc_target,
            door=str(door),
            **places,
        )
        ma, sfa = SandboxClient(hubspot.base_url), SandboxClient(salesforce.base_url)
        stack.push_async_callback(ma.close)
        stack.push_async_callback(sfa.close)
        one = Firm(folder, found, ma, sfa)
        await one.log_server.start()
        stack.push_async_callback(one.log_server.stop)
        if apart:
            await one.store_server.start()
            stack.push_async_callback(one.store_server.stop)
        yield one
