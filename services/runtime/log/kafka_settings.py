"""How to reach a Kafka cluster and how to behave in it."""

import ssl
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from aiokafka import conn as connections
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from services.errors import Misconfigured, Rejected
from services.runtime.log.port import MAX_VALUE_BYTES, LogUnavailable

MAX_RECORD_BYTES = MAX_VALUE_BYTES + 256 * 1024
"""What a record may take with its key, its headers and the frame around them."""

_SASL = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
_REFUSED = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSecurity:
    """
    Encryption and credentials.

    Args:
        tls: Encrypt; implied by a certificate.
        ca_file: PEM of the authority that signed the brokers' certificates; None takes the system's.
        cert_file: PEM of our own certificate, for mutual TLS.
        key_file: PEM of its key.
        mechanism: ``PLAIN``, ``SCRAM-SHA-256`` or ``SCRAM-SHA-512``; None for no SASL.
        username: For SASL.
        password: For SASL.
    """

    tls: bool = False
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    mechanism: str | None = None
    username: str = ""
    password: str = ""

    def build(self) -> BaseSecurity:
        """Return it in FastStream's terms. Raises Misconfigured for an unknown mechanism or unreadable file."""
        context = self._context() if self.tls or self.ca_file or self.cert_file else None
        if self.mechanism is None:
            return BaseSecurity(ssl_context=context, use_ssl=context is not None)
        try:
            kind = _SASL[self.mechanism.upper()]
        except KeyError:
            raise Misconfigured(
                f"SASL mechanism {self.mechanism!r} is not known: use one of {', '.join(_SASL)}"
            ) from None
        return kind(self.username, self.password, ssl_context=context, use_ssl=context is not None)

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(
                f"the TLS files for Kafka cannot be used ({self.ca_file}, {self.cert_file}): {error}"
            ) from error
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """
    Everything the adapter needs to know.

    Args:
        bootstrap_servers: ``host:port`` of some brokers.
        security: Encryption and credentials.
        client_id: Our name in the brokers' logs.
        replication: Copies of a topic we create; None takes 3, or as many as there are brokers.
        session_timeout_ms: A member silent for this long is taken for dead. Brokers allow 6 s at least,
            unless set otherwise.
        drain_ms: How long a running batch may go on when its partition goes to another member.
        append_timeout_ms: An append unanswered for this long raises LogUnavailable.
        instance_id: Makes the member static: a restart under the same name within the session timeout
            takes its partitions back at once, but a member that leaves for good is waited for.
        rack: Where we are, to read from the nearest replica.
    """

    bootstrap_servers: str
    security: KafkaSecurity = KafkaSecurity()
    client_id: str = "tasuki"
    replication: int | None = None
    session_timeout_ms: int = 10_000
    drain_ms: int = 20_000
    append_timeout_ms: int = 30_000
    instance_id: str | None = None
    rack: str | None = None

    def servers(self) -> list[str]:
        """Return the bootstrap servers as a list."""
        return [each.strip() for each in self.bootstrap_servers.split(",") if each.strip()]


@contextmanager
def translated(doing: str) -> Generator[None]:
    """Turn Kafka's errors into ours; *doing* says what was tried."""
    try:
        yield
    except _REFUSED as error:
        raise Misconfigured(f"{doing}: Kafka refuses our credentials or rights: {error}") from error
    except MessageSizeTooLargeError as error:
        raise Rejected(
            f"{doing}: key and headers are too long: {error}", reason="record-too-large"
        ) from error
    except (KafkaError, KafkaTimeoutError, TimeoutError, OSError) as error:
        raise LogUnavailable(f"{doing}: {error or type(error).__name__}") from error


def lasting(error: BaseException) -> bool:
    """Return whether *error* will not go away by itself."""
    return not (isinstance(error, KafkaError) and bool(error.retriable))


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments with which every aiokafka client connects."""
    from faststream.kafka.security import parse_security  # noqa: PLC0415 -- beside its only use

    return {
        "bootstrap_servers": settings.servers(),
        "client_id": settings.client_id,
        **parse_security(settings.security.build()),
    }


async def raise_refusal(settings: KafkaSettings) -> None:
    """Raise the error with which a bootstrap server refuses our credentials, if one does: the clients keep it to themselves."""
    given = connection(settings)
    given.pop("bootstrap_servers")
    for server in settings.servers():
        host, _, port = server.rpartition(":")
        with suppress(OSError, KafkaConnectionError, KafkaTimeoutError, TimeoutError):
            opened = await cast("Any", connections).create_conn(host.strip("[]"), int(port), **given)
            opened.close()
