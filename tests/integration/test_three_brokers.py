"""Three brokers of one Kafka, one of which dies while facts flow: the topics have three copies, and nothing is lost or doubled."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from services.runtime.log.kafka import KafkaLog
from services.runtime.log.kafka_settings import KafkaSettings
from tests.integration.summing_load import under_load
from tests.private_store import running_store
from tests.servers import java_kafka, missing_server
from tests.toy_shards import NEAR_TOPIC
from tests.waiting import wait_until

MORE = 2_000


@pytest.mark.timeout(240)
async def test_a_broker_that_dies_takes_nothing_along(tmp_path: Path, redis_url: str) -> None:
    """The leader of a partition is killed; another one takes over, and each record counts once, here and further on."""
    reasons: list[str] = []
    with java_kafka(reasons, "--heap", "384m", nodes=3, data=tmp_path) as bootstrap:
        if bootstrap is None:
            missing_server("Kafka", "; ".join(reasons))
        log = KafkaLog(KafkaSettings(bootstrap_servers=bootstrap, session_timeout_ms=6_000))
        await log.start()
        try:
            async with running_store(redis_url) as store, under_load(store, log) as load:
                leader = await leader_of_three_copies(bootstrap)
                before = load.count
                os.kill(int((tmp_path / f"node-{leader}" / "pid").read_text()), signal.SIGKILL)
                await wait_until(lambda: load.count > before + MORE, description="more comes")
                assert await led_by(bootstrap) != leader
        finally:
            await log.close()


async def leader_of_three_copies(bootstrap: str) -> int:
    """Return who leads the first partition, after looking that it has three copies."""
    described = await first_partition(bootstrap)
    assert len(described["replicas"]) == len(described["isr"]) == 3
    return int(described["leader"])


async def led_by(bootstrap: str) -> int:
    """Return who leads the first partition."""
    return int((await first_partition(bootstrap))["leader"])


async def first_partition(bootstrap: str) -> dict[str, Any]:
    """Return what Kafka says of the first partition of a topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics: list[dict[str, Any]] = await admin.describe_topics([NEAR_TOPIC])
    finally:
        await admin.close()
    partitions: list[dict[str, Any]] = topics[0]["partitions"]
    return next(each for each in partitions if each["partition"] == 0)
