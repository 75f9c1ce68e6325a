"""Checks of how other systems are reached: Salesforce's sign-in, Kafka, Redis, the collector of spans."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from services.sync.settings.document import Document
from services.sync.settings.draft import Draft
from services.sync.settings.sections import LogSection, StoreSection
from services.sync.settings.vendors import SalesforceSection

_SHARED_LOGINS = ("https://login.salesforce.com", "https://test.salesforce.com")


def check(document: Document, draft: Draft) -> None:
    """Report what is wrong with the connections of *draft*."""
    if draft.sfa:
        _check_salesforce(document, draft.sfa)
    if draft.log:
        _check_log(document, draft.log)
    if draft.store:
        _check_store(document, draft.store)
    if draft.log and draft.log.kind == "embedded" and draft.store and draft.store.cluster:
        mend = 'give [log] kind = "kafka", or take cluster out'
        document.report(("store", "cluster"), "the embedded log can't live in a cluster", mend)
    if draft.tracing and draft.tracing.exporter == "otlp" and draft.tracing.endpoint is None:
        document.report(("tracing", "endpoint"), "is missing", 'add endpoint = "http://localhost:4318"')
    if draft.tracing and draft.tracing.exporter == "off" and draft.tracing.endpoint is not None:
        document.report(
            ("tracing", "endpoint"), 'has no effect with exporter = "off"', 'give exporter = "otlp"'
        )


def needed_secrets(document: Document) -> list[str]:
    """Return the environment variables that the choices in *document* call for, also in a broken section."""
    needed: list[str] = []
    if "ma" in document.data:
        needed.append("TASUKI_HUBSPOT_CLIENT_SECRET")
        oauth = ("TASUKI_HUBSPOT_CLIENT_ID", "TASUKI_HUBSPOT_REFRESH_TOKEN")
        needed += oauth if document.value("ma", "auth") == "oauth" else ("TASUKI_HUBSPOT_TOKEN",)
    if "sfa" in document.data:
        needed.append("TASUKI_SALESFORCE_CLIENT_ID")
        key = "PRIVATE_KEY_FILE" if document.value("sfa", "auth") == "jwt" else "CLIENT_SECRET"
        needed.append(f"TASUKI_SALESFORCE_{key}")
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


def _check_salesforce(document: Document, sfa: SalesforceSection) -> None:
    if sfa.auth == "jwt" and sfa.username is None:
        mend = 'add the integration user\'s name: username = "tasuki@yourfirm.example"'
        document.report(("sfa", "username"), 'is missing: auth = "jwt" signs in as that user', mend)
    if sfa.auth == "client-credentials":
        if sfa.login_url in _SHARED_LOGINS:
            # Source: https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_client_credentials_flow.htm
            mend = 'give your My Domain address: "https://yourfirm.my.salesforce.com"'
            document.report(("sfa", "login_url"), "doesn't take client credentials", mend)
        if sfa.audience is not None:
            document.report(("sfa", "audience"), "has no effect with client credentials", "take it out")


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
