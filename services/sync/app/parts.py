"""The log and the store that the settings name."""

from schemas.topics import TOPICS
from services.runtime.clock import Clock, now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import Log, TopicSpec
from services.runtime.store import Store
from services.sync.settings import Settings


def make_log(settings: Settings, embedded_url: str | None, *, clock: Clock = now_ms) -> Log:
    """Return the log that *settings* name, not started; *embedded_url* is the embedded server's."""
    if settings.log.kind == "embedded":
        return EmbeddedLog(embedded_url or _store_url(settings, embedded_url), clock=clock)
    return _kafka(settings, clock)


def _kafka(settings: Settings, clock: Clock) -> Log:
    # Kafka's client takes most of a second to import, which a restart with embedded parts should not cost.
    from services.runtime.log.kafka import KafkaLog  # noqa: PLC0415
    from services.runtime.log.kafka_settings import KafkaSecurity, KafkaSettings  # noqa: PLC0415

    password = settings.secrets.kafka_password
    sasl = settings.log.security.startswith("sasl")
    security = KafkaSecurity(
        tls=settings.log.security.endswith("tls"),
        ca_file=settings.log.ca_file,
        mechanism=settings.log.sasl_mechanism if sasl else None,
        username=settings.log.username or "",
        password=password.get_secret_value() if password else "",
    )
    servers = ",".join(str(each) for each in settings.log.bootstrap_servers)
    return KafkaLog(KafkaSettings(bootstrap_servers=servers, security=security), clock=clock)


def make_store(settings: Settings, embedded_url: str | None) -> Store:
    """Return the store that *settings* name, not started."""
    if settings.store.kind == "embedded":
        # The embedded server syncs before each answer, so there is nothing to wait for.
        return Store(_store_url(settings, embedded_url))
    waits = settings.store.waitaof and not settings.store.cluster
    return Store(
        _store_url(settings, embedded_url),
        cluster=settings.store.cluster,
        waitaof_ms=1_000 if waits else None,
    )


def _store_url(settings: Settings, embedded_url: str | None) -> str:
    if settings.store.kind == "embedded" and embedded_url is not None:
        return embedded_url
    url = settings.store.url or ""
    password = settings.secrets.redis_password
    if password is None or "@" in url:
        return url
    scheme, _, rest = url.partition("://")
    return f"{scheme}://:{password.get_secret_value()}@{rest}"


def needs_embedded(settings: Settings) -> bool:
    """Return whether the log or the store lives in the embedded server."""
    return settings.store.kind == "embedded"


def topic_specs(partitions: int) -> list[TopicSpec]:
    """Return how each topic must look like."""
    return [TopicSpec(each.name, partitions, each.retention_ms, each.compacted) for each in TOPICS]
