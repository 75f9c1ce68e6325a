"""Creates topics on Kafka as the log needs them, and checks those that exist."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from services.errors import Misconfigured
from services.runtime.log.kafka_settings import MAX_RECORD_BYTES, KafkaSettings
from services.runtime.log.port import LogUnavailable, TopicSpec
from services.runtime.log.topics import check_spec

_MOST_COPIES = 3
_PATIENCE_S = 30.0


async def ensure(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], settings: KafkaSettings) -> None:
    """
    Create the missing ones of *specs*, wait until they can be used, and check all.

    Raises:
        Misconfigured: A topic does not do; the text names the mend.
        LogUnavailable: A new topic got no leaders in time.
        KafkaError: As aiokafka raises it.
    """
    existing = set(await admin.list_topics())
    missing = [spec for spec in specs if spec.name not in existing]
    if missing:
        copies = settings.replication or min(_MOST_COPIES, await _brokers(admin))
        await _create(admin, missing, copies)
    counts = await _until_led(admin, [spec.name for spec in specs])
    configs = await _configs(admin, [spec.name for spec in specs])
    for spec in specs:
        _check(spec, counts[spec.name], configs[spec.name])


async def _brokers(admin: AIOKafkaAdminClient) -> int:
    return len((await admin.describe_cluster())["brokers"])


async def _create(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], copies: int) -> None:
    asked = [
        NewTopic(spec.name, spec.partitions, copies, topic_configs=_config(spec, copies)) for spec in specs
    ]
    reply = cast("Any", await admin.create_topics(asked))
    for result in reply.to_object()["topic_errors"]:
        error = for_code(result["error_code"])
        # Another process of the deployment may have been quicker.
        if result["error_code"] and error is not TopicAlreadyExistsError:
            raise error(result.get("error_message") or f"creating topic {result['topic']!r}")


def _config(spec: TopicSpec, copies: int) -> dict[str, str]:
    kept = -1 if spec.retention_ms is None else spec.retention_ms
    policy = "delete" if not spec.compacted else "compact" if spec.retention_ms is None else "compact,delete"
    return {
        "cleanup.policy": policy,
        # Retention goes by the record's time. By the broker's own, a replayed year is not swept away at once.
        "retention.ms": str(kept),
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(MAX_RECORD_BYTES),
        "min.insync.replicas": "2" if copies >= _MOST_COPIES else "1",
    }


async def _until_led(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """Return how many partitions each topic has, once all of them have a leader."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    while True:
        topics = await admin.describe_topics(names)
        if all(each["error_code"] == 0 and _led(each) for each in topics):
            return {each["topic"]: len(each["partitions"]) for each in topics}
        if asyncio.get_running_loop().time() > deadline:
            raise LogUnavailable(f"some of {names} have no leader after {_PATIENCE_S:.0f} s")
        await asyncio.sleep(0.05)


def _led(topic: Mapping[str, Any]) -> bool:
    return bool(topic["partitions"]) and all(
        each["error_code"] == 0 and each["leader"] >= 0 for each in topic["partitions"]
    )


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    for reply in cast("list[Any]", await admin.describe_configs(asked)):
        for resource in reply.to_object()["resources"]:
            if resource["error_code"]:
                raise for_code(resource["error_code"])(resource["error_message"])
            entries = resource["config_entries"]
            found[resource["resource_name"]] = {
                each["config_names"]: each["config_value"] for each in entries
            }
    return found


def _check(spec: TopicSpec, partitions: int, config: Mapping[str, str]) -> None:
    policy = config["cleanup.policy"]
    retention = int(config["retention.ms"]) if "delete" in policy else -1
    found = TopicSpec(
        spec.name,
        partitions,
        retention_ms=None if retention < 0 else retention,
        compacted="compact" in policy,
    )
    check_spec(spec, found)
    if int(config["max.message.bytes"]) < MAX_RECORD_BYTES:
        raise Misconfigured(
            f"topic {spec.name!r} takes messages of {config['max.message.bytes']} bytes only: set its "
            f"max.message.bytes to {MAX_RECORD_BYTES}"
        )
