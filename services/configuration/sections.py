"""The shape of the file's technical sections: the firm, the log, the store, the web server, logs, tracing."""

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.configuration.currencies import CURRENCIES
from services.configuration.mistakes import did_you_mean
from services.configuration.quantities import (
    HostPort,
    SizeBetween,
    Switch,
    Text,
    WebAddress,
    Whole,
    wrong,
)
from services.configuration.time_zones import known_time_zones


class Section(BaseModel):
    """A table of the file: unknown keys are mistakes, nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


def _time_zone(name: str) -> str:
    zones = known_time_zones()
    if name not in zones:
        guess = did_you_mean(name, zones) or 'write it as in the tz database: "Asia/Tokyo"'
        raise wrong(f'"{name[:60]}" is not a time zone', guess)
    return name


def _currency(code: str) -> str:
    if code not in CURRENCIES:
        guess = did_you_mean(code, CURRENCIES) or 'write the ISO 4217 code: "JPY"'
        raise wrong(f'"{code[:20]}" is not a currency', guess)
    return code


def _country(code: str) -> str:
    if not (len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()):  # noqa: PLR2004 -- ISO 3166
        raise wrong(f'"{code[:20]}" is not a country', 'write the ISO 3166 code of two capitals: "JP"')
    return code


TimeZone: TypeAlias = Annotated[Text, AfterValidator(_time_zone)]


class Firm(Section):
    """Who uses tasuki, and how it counts days and money."""

    name: Text = Field(description="The firm's name, as shown on screens.")
    time_zone: TimeZone = Field(
        default="Asia/Tokyo", description="Where a day begins and ends (tz database name)."
    )
    currency: Annotated[Text, AfterValidator(_currency)] = Field(
        default="JPY", description="Currency of all amounts (ISO 4217)."
    )
    country: Annotated[Text, AfterValidator(_country)] = Field(
        default="JP", description="Country (ISO 3166) of telephone numbers that name none."
    )
    language: Literal["ja", "en"] = Field(default="ja", description="Language of texts that tasuki writes.")
    public_url: WebAddress = Field(
        description="Where the vendors reach this service from outside; webhooks come to "
        "`<public_url>/webhooks/<system>`. HubSpot signs exactly this address."
    )


class LogSection(Section):
    """Where events are kept: the embedded log on one machine, Kafka on several."""

    kind: Literal["embedded", "kafka"] = Field(default="embedded", description="Which log to use.")
    partitions: Annotated[Whole, Field(ge=1, le=1024)] = Field(
        default=24, description="Partitions of each topic; fixed once the first event is stored."
    )
    bootstrap_servers: tuple[HostPort, ...] = Field(default=(), description="Kafka's first addresses.")
    seal: Switch = Field(
        default=True,
        description="Seal what is personal in the topics, each person's with a key of their own, which is destroyed "
        "when the person is erased. Off, others can read these topics, and an erasure doesn't reach them.",
    )
    security: Literal["plaintext", "tls", "sasl-plaintext", "sasl-tls"] = Field(
        default="plaintext", description="How Kafka is reached."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="How the user proves itself, with `sasl-…`."
    )
    username: Text | None = Field(
        default=None, description="Kafka user, with `sasl-…`; its password is TASUKI_KAFKA_PASSWORD."
    )
    ca_file: Text | None = Field(
        default=None, description="Certificates to trust, with `…tls`; the system's where left out."
    )


class StoreSection(Section):
    """Where the state is kept: the embedded Valkey, or a Redis or Valkey of your own."""

    kind: Literal["embedded", "redis"] = Field(default="embedded", description="Which store to use.")
    url: Text | None = Field(
        default=None,
        description="`redis://host:6379/0`, or `rediss://…` for TLS, with kind `redis`; with the user's name where "
        "it isn't the default one (`redis://tasuki@host`), without a password, which is TASUKI_REDIS_PASSWORD.",
    )
    cluster: Switch = Field(default=False, description="Whether the address is that of a Redis Cluster.")
    ca_file: Text | None = Field(
        default=None, description="Certificates to trust, with `rediss://`; the system's where left out."
    )
    waitaof: Switch = Field(
        default=True,
        description="Wait until the store wrote to disk before an event counts as done (needs Redis or "
        "Valkey 7.2 with its append-only file on).",
    )


class DataSection(Section):
    """Files of the embedded parts."""

    folder: Text = Field(
        default=".tasuki", description="Folder of the embedded log and store, seen from this file's folder."
    )


class HttpSection(Section):
    """The web server: webhooks, health, metrics."""

    host: Text = Field(default="127.0.0.1", description="Address to listen on; `0.0.0.0` for all.")
    port: Annotated[Whole, Field(ge=0, le=65_535)] = Field(
        default=8080, description="Port to listen on; 0 takes a free one."
    )
    body_limit_bytes: Annotated[int, SizeBetween("1KiB", "1MiB")] = Field(
        default=1_048_576,
        alias="body_limit",
        description="Longest webhook body accepted; the log takes no more than 1 MiB.",
    )
    depth_limit: Annotated[Whole, Field(ge=4, le=256)] = Field(
        default=32, description="Deepest nesting of JSON accepted."
    )


class LogsSection(Section):
    """What the process tells about itself."""

    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto`: for people on a terminal, JSON elsewhere."
    )
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important event that is written."
    )


class TracingSection(Section):
    """Spans for a collector; needs the extra `tasuki[otel]`."""

    exporter: Literal["off", "otlp"] = Field(default="off", description="Where spans go.")
    endpoint: WebAddress | None = Field(
        default=None, description="The collector's address, with `otlp`: `http://localhost:4318`."
    )
    sample_rate: Annotated[float, Field(ge=0, le=1, strict=True)] = Field(
        default=1.0, description="Share of leads traced, 0 to 1."
    )
