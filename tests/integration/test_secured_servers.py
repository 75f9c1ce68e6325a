"""Kafka with SASL and TLS, a cluster with TLS and a user of its own: as the configuration says, and refused otherwise."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from services.configuration.parts import make_log, make_store
from services.errors import Misconfigured
from services.kpi.settings import Settings, loads
from services.runtime.keys import ShardId
from services.runtime.ledger import Outcome
from services.runtime.log.port import Record, TopicSpec
from services.runtime.operations import Operations
from services.runtime.store import StoreUnavailable
from tests.certificates import Certificates, certificates
from tests.integration.kpi_app_world import FILE
from tests.servers import java_kafka, missing_server
from tests.valkey_cluster import Cluster, valkey_cluster

USER = "tasuki"
PASSWORD = "p@ss/w:rd#1"
KAFKA_PASSWORD = "correct-horse"
RIGHTS = ("~*", "+@all", "-@dangerous", "-@admin", "+info", "+cluster|slots", "+cluster|myid")


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Give the servers' certificates."""
    return certificates(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def secured_kafka(papers: Certificates) -> Generator[str]:
    """Give a Kafka that takes nobody but USER, and only by TLS."""
    reasons: list[str] = []
    options = ("--user", f"{USER}:{KAFKA_PASSWORD}", "--certificate", str(papers.server))
    with java_kafka(reasons, *options) as bootstrap:
        if bootstrap is None:
            missing_server("Kafka", "; ".join(reasons))
        yield bootstrap


def settings(section: str, **environ: str) -> Settings:
    """Return settings with *section*."""
    file = FILE.replace("[log]\npartitions = 3\n", "") + section
    return loads(file, environ, file="the test's", folder=Path())


def kafka_settings(bootstrap: str, mechanism: str, ca_file: Path, password: str = KAFKA_PASSWORD) -> Settings:
    """Return settings of a log there."""
    section = f"""
[log]
kind = "kafka"
seal = false
bootstrap_servers = ["{bootstrap}"]
security = "sasl-tls"
sasl_mechanism = "{mechanism}"
username = "{USER}"
ca_file = "{ca_file}"
"""
    return settings(section, TASUKI_KAFKA_PASSWORD=password)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
async def test_kafka_is_reached_by_sasl_and_tls(
    secured_kafka: str, papers: Certificates, unique: str, mechanism: str
) -> None:
    """A topic is made, a record appended and read."""
    log = make_log(kafka_settings(secured_kafka, mechanism, papers.authority), None)
    await log.start()
    try:
        await log.ensure_topics([TopicSpec(unique, 1)])
        await log.append([Record(unique, "k", b"told")])
        assert [each.value for each in await log.read(unique, 0, 0)] == [b"told"]
    finally:
        await log.close()


@pytest.mark.timeout(300)
async def test_kafka_that_refuses_the_password_is_a_mistake_of_the_configuration(
    secured_kafka: str, papers: Certificates
) -> None:
    """It isn't tried again for ever."""
    log = make_log(kafka_settings(secured_kafka, "SCRAM-SHA-512", papers.authority, "wrong"), None)
    try:
        with pytest.raises(Misconfigured, match="refuses our credentials"):
            await log.start()
    finally:
        await log.close()


@asynccontextmanager
async def tunnel(port: int, papers: Certificates) -> AsyncGenerator[int]:
    """Give the port of a TLS door to *port* of this machine, for a server that was built without TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(papers.server)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def secured_cluster(papers: Certificates) -> AsyncGenerator[tuple[Cluster, int]]:
    """Give three primaries with a door of TLS each, the port of one door, and a user who has no more rights than needed."""
    async with AsyncExitStack() as held, valkey_cluster() as cluster:
        doors: list[int] = []
        for node in cluster.nodes:
            node.run("ACL", "SETUSER", USER, "on", f">{PASSWORD}", *RIGHTS)
            doors.append(await held.enter_async_context(tunnel(node.port, papers)))
            node.run("CONFIG", "SET", "cluster-announce-port", doors[-1])
        await cluster.until_told(doors)
        yield cluster, doors[0]


def cluster_settings(port: int, ca_file: Path, password: str = PASSWORD) -> Settings:
    """Return settings of a store there."""
    section = f"""
[log]
kind = "kafka"
bootstrap_servers = ["127.0.0.1:1"]
[store]
kind = "redis"
cluster = true
url = "rediss://{USER}@127.0.0.1:{port}"
ca_file = "{ca_file}"
"""
    return settings(section, TASUKI_REDIS_PASSWORD=password)


async def test_a_cluster_is_reached_by_tls_as_a_user_with_few_rights(
    papers: Certificates, unique: str, tmp_path: Path
) -> None:
    """Shards on all three primaries commit; a wrong password is a mistake, an unknown authority keeps us away."""
    async with secured_cluster(papers) as (cluster, port):
        store = make_store(cluster_settings(port, papers.authority), None)
        await store.start()
        try:
            shards = [ShardId(unique, "t", number) for number in range(12)]
            for shard in shards:
                base = await store.open(shard, now=5)
                reply = await store.commit(shard, base, 1, Operations().set(shard.key("a"), "v"))
                assert reply.outcome is Outcome.COMMITTED
                assert await store.snapshot([("GET", shard.key("a")), ("EXISTS", shard.key("b"))]) == [
                    b"v",
                    0,
                ]
                assert [name async for name in store.names(shard, "a")] == ["a"]
            await store.ping()
        finally:
            await store.close()
        assert len({cluster.slot_of(each.ledger_key) * 3 // 16_384 for each in shards}) == 3
        await _refused(cluster_settings(port, papers.authority, "wrong"), Misconfigured)
        stranger = certificates(tmp_path).authority
        await _refused(cluster_settings(port, stranger), StoreUnavailable)


async def _refused(settings: Settings, kind: type[Exception]) -> None:
    store = make_store(settings, None)
    try:
        with pytest.raises(kind):
            await store.start()
    finally:
        await store.close()
