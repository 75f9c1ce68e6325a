"""
The whole system for chaos: sandboxes, a door, sync and kpi in processes of their own, each twice.

The sandboxes run in this process, so that what people did and what is noted of it can't come apart; they are reached
over real HTTP and gRPC. The store is a Valkey of our own, or a Redis Cluster, reached through proxies; so is the door,
behind which the webhooks reach either sync. The log is the embedded one in that Valkey, or Kafka.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import httpx2

from services.cli import settings as both
from services.cli.demo.promises import Telling
from services.cli.sandbox_setup import hubspot_subscriptions
from services.cli.stage.portals import hubspot_settings, salesforce_settings
from services.cli.stage.ports import held_port
from services.cli.stage.sandbox_client import SandboxClient
from services.cli.stage.stage import SMALL, Stage
from services.sync.adapters.hubspot.sandbox import HubSpotSandbox
from services.sync.adapters.salesforce.sandbox import SalesforceSandbox
from services.sync.settings import Settings, demo_document, loads
from services.sync.settings.demo import DEMO_ENVIRONMENT
from tests.chaos.broker import Broker
from tests.chaos.member import Member
from tests.chaos.proxy import Proxy
from tests.chaos.shifted_clock import shift
from tests.chaos.stores import Stores, one_server, redis_cluster
from tests.waiting import wait_until

SetUp: TypeAlias = Literal["embedded", "kafka", "cluster"]
"""Everything in one Valkey; Kafka and that Valkey; Kafka and a Redis Cluster."""
Document: TypeAlias = dict[str, dict[str, Any]]
BROKER_FAULTS = ("kill-broker", "reset-broker", "slow-broker", "cut-broker")
SERVICES = ("sync", "sync", "kpi", "kpi")
_PUBLIC_URL = "https://tasuki.sandbox.example"


class System(Stage):
    """
    A stage with several processes instead of `tasuki up`.

    Args:
        folder: For the store, the configurations and the processes' logs.
        set_up: Which log and store.
        telling: The promises, and where alerts go.
        sabotage: What `tests.chaos.sabotage` takes out of the processes; None leaves them whole.
        services: One for each process.
        away: The names of those that don't run until they are told to come.
    """

    def __init__(
        self,
        folder: Path,
        set_up: SetUp,
        telling: Telling,
        *,
        sabotage: str | None = None,
        services: Sequence[str] = SERVICES,
        away: Collection[str] = (),
    ) -> None:
        super().__init__(
            folder, overrides=telling.sections, environ=telling.environ, feed_port=telling.dashboard_port
        )
        self.set_up = set_up
        self.members: list[Member] = []
        self.stores: Stores
        self.door_proxy: Proxy
        self._sabotage = sabotage
        self._services = services
        self._away = away
        self._sections: Mapping[str, Any] = {**telling.sections, "sla": _plain(telling.sections["sla"])}
        self.broker: Broker | None = None

    async def _start(self) -> None:
        if self.set_up != "embedded":
            proxy = await self._stack.enter_async_context(Proxy([port := self._port_held()]).listening())
            self.broker = await self._stack.enter_async_context(Broker(self.folder / "kafka", port, proxy))
        stores = redis_cluster if self.set_up == "cluster" else one_server
        self.stores = await self._stack.enter_async_context(stores(self.folder / "store"))
        doors = [self._port_held() for each in self._services if each == "sync"]
        self.door_proxy = await self._stack.enter_async_context(Proxy(doors).listening(self._port))
        await self._start_sandboxes()
        self._http = await self._stack.enter_async_context(httpx2.AsyncClient(timeout=10))
        self.settings = self._configure_for(self.stores.onlooker_port)
        self._stack.push_async_callback(self.stop_service)
        ports = iter(doors)
        for service in self._services:
            port = next(ports) if service == "sync" else self._port_held()
            number = 1 + sum(each.name.startswith(service) for each in self.members)
            self.members.append(self._member(f"{service}-{number}", service, port))
        for each in self.members:
            if each.name not in self._away:
                each.come()
            each.keep()
        await self.ready()

    async def _start_sandboxes(self) -> None:
        text = self._text({}, "http://127.0.0.1:1", "http://127.0.0.1:2", "127.0.0.1:3")
        fields = loads(text, DEMO_ENVIRONMENT, file="the system", folder=self.folder)
        settings = hubspot_settings(
            fields.ma_fields,
            hook=f"{self.base_url}/webhooks/hubspot",
            public=f"{_PUBLIC_URL}/webhooks/hubspot",
        )
        self.hubspot = await self._stack.enter_async_context(HubSpotSandbox(settings))
        self.hubspot.state.subscribe(*hubspot_subscriptions(fields.ma_fields))
        self.salesforce = await self._stack.enter_async_context(
            SalesforceSandbox(salesforce_settings(fields.sfa_fields))
        )
        self.ma, self.sfa = SandboxClient(self.hubspot.base_url), SandboxClient(self.salesforce.base_url)
        self._stack.push_async_callback(self.ma.close)
        self._stack.push_async_callback(self.sfa.close)
        self._sales_users = {
            each["id"]: str(each["fields"]["Email"]) async for each in self.sfa.records("User")
        }

    def _configure_for(self, store_port: int) -> Settings:
        """Return the settings of whoever looks on: they reach the store without the proxy."""
        text = self._written("onlooker", self._port, self._feed_port, store_port)
        self.config = self.folder / "onlooker.toml"
        found = both.loads(text, self._environ, file=str(self.config), folder=self.folder)
        self.kpi_settings = found.kpi
        return found.sync

    def _member(self, name: str, service: str, port: int) -> Member:
        http, feed = (port, self._port_held()) if service == "sync" else (self._port_held(), port)
        self._written(name, http, feed, self.stores.port)
        clock = self.folder / f"{name}.clock"
        shift(clock, 0)
        main = ("tests.chaos.process", str(clock), self._sabotage or "none")
        arguments = ("--log-format", "json", service, "--config", str(self.folder / f"{name}.toml"))
        return Member(name, ("-m", *main, *arguments), port, self.folder, dict(self._environ), clock)

    def _written(self, name: str, http: int, feed: int, store_port: int) -> str:
        log: dict[str, Any] = {**SMALL["log"], "kind": "embedded" if self.broker is None else "kafka"}
        if self.broker is not None:
            log["bootstrap_servers"] = [self.broker.bootstrap]
        own: Document = {
            "log": log,
            "store": {
                "kind": "redis",
                "url": f"redis://127.0.0.1:{store_port}/0",
                "cluster": self.stores.is_cluster,
            },
            "http": {"port": http},
            "feed": {"port": feed},
            # Embedded parts belong to one process; what several share is the Valkey that [store] names.
            "data": {"folder": str(self.folder / name)},
        }
        text = self._text(own, self.hubspot.base_url, self.salesforce.base_url, self.salesforce.grpc_target)
        (self.folder / f"{name}.toml").write_text(text, encoding="utf-8")
        return text

    def _text(self, own: Document, hubspot: str, salesforce: str, pubsub: str) -> str:
        return demo_document(
            hubspot_url=hubspot,
            salesforce_url=salesforce,
            pubsub=pubsub,
            data_folder=self.folder / "none",
            public_url=_PUBLIC_URL,
            port=self._port,
            overrides={**self._sections, **own},
        )

    async def ready(self) -> None:
        """Return when every process that is to run says it is ready."""
        for each in (member for member in self.members if not member.away):
            await wait_until(
                lambda member=each: member.is_ready(self._http),
                within_s=90,
                description=f"{each.name} is ready",
                every_s=0.1,
            )

    async def asked(self, url: str) -> httpx2.Response:
        """Return the answer to a GET of *url*."""
        return await self._http.get(url)

    async def stop_service(self) -> None:
        """End all processes."""
        for each in self.members:
            await each.stop()

    @property
    def embedded_url(self) -> str | None:
        """None: the store is named by its address."""
        return None

    @property
    def cant(self) -> frozenset[str]:
        """The kinds of faults that this system can't have."""
        found = set(BROKER_FAULTS if self.broker is None else ())
        return frozenset(found if self.stores.disk.is_small else {*found, "fill-disk"})

    def calm(self) -> None:
        """End every fault that lasts."""
        self.stores.heal()
        self.door_proxy.heal()
        if self.broker is not None:
            self.broker.proxy.heal()
        for each in self.members:
            each.put_clock(0)
            each.go_on()

    def _port_held(self) -> int:
        return self._stack.enter_context(held_port())


def _plain(promises: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """
    Return *promises* with the target that is for everybody.

    Which of several holds depends on when it was told who a lead is, which the log's facts don't say.
    """
    return [
        {**each, "targets": [target for target in each["targets"] if "when" not in target]}
        for each in promises
    ]
