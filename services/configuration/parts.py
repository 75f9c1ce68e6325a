"""The log and the store that the configuration names."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from schemas.bare import BARE
from schemas.topics import TOPICS
from services.configuration.platform import Platform
from services.runtime.clock import Clock, now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.key_ring import KeyRing
from services.runtime.log.port import Log, TopicSpec
from services.runtime.log.sealed import Bare, SealedLog
from services.runtime.store import Store


def make_log(
    platform: Platform,
    embedded_url: str | None,
    *,
    clock: Clock = now_ms,
    bare: Mapping[str, Bare] = MappingProxyType({}),
) -> Log:
    """
    Return the log that *platform* names, not started.

    Args:
        platform: The settings.
        embedded_url: The embedded server's, where there is one.
        clock: Stamps the records.
        bare: By topic, what of a value is still told of erased people, where `schemas.bare` doesn't know.
    """
    inner = (
        _embedded(platform, embedded_url, clock)
        if platform.log.kind == "embedded"
        else _kafka(platform, clock)
    )
    if not platform.log.seal:
        return inner
    store = make_store(platform, embedded_url)
    personal = frozenset(each.name for each in TOPICS if each.personal)
    return SealedLog(inner, KeyRing(inner, store, clock), store, personal, {**BARE, **bare})


def _embedded(platform: Platform, embedded_url: str | None, clock: Clock) -> Log:
    return EmbeddedLog(embedded_url or _store_url(platform, embedded_url), clock=clock)


def _kafka(platform: Platform, clock: Clock) -> Log:
    # Kafka's client takes most of a second to import, which a restart with embedded parts should not cost.
    from services.runtime.log.kafka import KafkaLog  # noqa: PLC0415
    from services.runtime.log.kafka_settings import KafkaSecurity, KafkaSettings  # noqa: PLC0415

    password = platform.secrets.kafka_password
    sasl = platform.log.security.startswith("sasl")
    security = KafkaSecurity(
        tls=platform.log.security.endswith("tls"),
        ca_file=platform.log.ca_file,
        mechanism=platform.log.sasl_mechanism if sasl else None,
        username=platform.log.username or "",
        password=password.get_secret_value() if password else "",
    )
    servers = ",".join(str(each) for each in platform.log.bootstrap_servers)
    return KafkaLog(KafkaSettings(bootstrap_servers=servers, security=security), clock=clock)


def make_store(platform: Platform, embedded_url: str | None) -> Store:
    """Return the store that *platform* names, not started."""
    if platform.store.kind == "embedded":
        # The embedded server syncs before each answer, so there is nothing to wait for.
        return Store(_store_url(platform, embedded_url))
    waits = platform.store.waitaof and not platform.store.cluster
    return Store(
        _store_url(platform, embedded_url),
        cluster=platform.store.cluster,
        waitaof_ms=1_000 if waits else None,
    )


def _store_url(platform: Platform, embedded_url: str | None) -> str:
    if platform.store.kind == "embedded" and embedded_url is not None:
        return embedded_url
    parts = urlsplit(platform.store.url or "")
    user, _, place = parts.netloc.rpartition("@")
    password = platform.secrets.redis_password
    if password is not None and ":" not in user:
        # The user is whoever the address names, or the server's default one.
        place = f"{user}:{quote(password.get_secret_value(), safe='')}@{place}"
    elif user:
        place = f"{user}@{place}"
    trusted = platform.store.ca_file
    query = urlencode({"ssl_ca_certs": trusted}) if trusted else parts.query
    return SplitResult(parts.scheme, place, parts.path, query, "").geturl()


def needs_embedded(platform: Platform) -> bool:
    """Return whether the log or the store lives in the embedded server."""
    return platform.store.kind == "embedded"


def topic_specs(partitions: int) -> list[TopicSpec]:
    """Return how each topic must look like; *partitions* is for those that don't name their number."""
    return [
        TopicSpec(each.name, each.partitions or partitions, each.retention_ms, each.compacted)
        for each in TOPICS
    ]
