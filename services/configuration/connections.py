"""Checks of how log, store and collector of spans are reached, and which secrets that needs."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from services.configuration.document import Document
from services.configuration.sections import LogSection, StoreSection, TracingSection


def check_connections(
    document: Document, log: LogSection | None, store: StoreSection | None, tracing: TracingSection | None
) -> None:
    """Report into *document* what is wrong with the connections."""
    if log:
        _check_log(document, log)
    if store:
        _check_store(document, store)
    if log and log.kind == "embedded" and store and store.cluster:
        mend = 'give [log] kind = "kafka", or take cluster out'
        document.report(("store", "cluster"), "the embedded log can't live in a cluster", mend)
    if tracing and tracing.exporter == "otlp" and tracing.endpoint is None:
        document.report(("tracing", "endpoint"), "is missing", 'add endpoint = "http://localhost:4318"')
    if tracing and tracing.exporter == "off" and tracing.endpoint is not None:
        document.report(
            ("tracing", "endpoint"), 'has no effect with exporter = "off"', 'give exporter = "otlp"'
        )


def connection_secrets(document: Document) -> list[str]:
    """Return the environment variables that log and web server call for, also in a broken section."""
    needed: list[str] = []
    is_kafka = document.value("log", "kind") == "kafka"
    if is_kafka and str(document.value("log", "security")).startswith("sasl"):
        needed.append("TASUKI_KAFKA_PASSWORD")
    host = document.value("http", "host")
    if isinstance(host, str) and not is_loopback(host):
        needed.append("TASUKI_API_KEY")
    return needed


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach *host*; as `services.runtime.http` does, without its weight."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_log(document: Document, log: LogSection) -> None:
    written = document.data.get("log", {})
    if log.kind == "embedded":
        for key in ("bootstrap_servers", "security", "sasl_mechanism", "username", "ca_file"):
            if key in written:
                mend = 'take it out, or give kind = "kafka"'
                document.report(("log", key), "has no effect on the embedded log", mend)
        return
    if not log.bootstrap_servers:
        mend = 'add bootstrap_servers = ["kafka-1.example.co.jp:9092"]'
        document.report(("log", "bootstrap_servers"), "is missing: where Kafka is", mend)
    if log.security.startswith("sasl") and log.username is None:
        document.report(("log", "username"), "is missing: sasl signs in as a user", 'add username = "tasuki"')
    for key in ("username", "sasl_mechanism"):
        if key in written and not log.security.startswith("sasl"):
            document.report(("log", key), "has no effect without sasl", 'give security = "sasl-tls"')
    if log.ca_file and not log.security.endswith("tls"):
        document.report(
            ("log", "ca_file"), "has no effect without TLS", 'give security = "tls" or "sasl-tls"'
        )


def _check_store(document: Document, store: StoreSection) -> None:
    written = document.data.get("store", {})
    if store.kind == "embedded":
        for key in ("url", "cluster", "ca_file"):
            if key in written:
                mend = 'take it out, or give kind = "redis"'
                document.report(("store", key), "has no effect on the embedded store", mend)
        return
    if store.url is None:
        mend = 'add url = "redis://localhost:6379/0"'
        document.report(("store", "url"), "is missing: where Redis or Valkey is", mend)
        return
    _check_store_url(document, store, store.url)


def _check_store_url(document: Document, store: StoreSection, url: str) -> None:
    path = ("store", "url")
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid, parts = False, urlsplit("")
    database = parts.path.strip("/")
    if (
        not valid
        or parts.query
        or parts.fragment
        or (database and not (database.isascii() and database.isdigit()))
    ):
        document.report(
            path, "is no address of a Redis", 'write it like "redis://host:6379/0" or "rediss://host"'
        )
    elif store.cluster and database not in ("", "0"):
        document.report(path, "a cluster has only database 0", "take the number out")
    if store.ca_file and valid and parts.scheme == "redis":
        document.report(("store", "ca_file"), "has no effect without TLS", "write the url with rediss://")
