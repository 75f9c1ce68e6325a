"""The benchmark beside peers in its smallest form: each program counts the same events in the same windows."""

import asyncio

import pytest

from tests.benchmarks.peers import programs
from tests.benchmarks.peers.compare import Field, fill, measure
from tests.servers import KafkaServer


@pytest.fixture
def field(kafka: KafkaServer, unique: str) -> Field:
    """Return a topic with the facts of 40 leads."""
    return asyncio.run(fill(kafka.bootstrap, unique, leads=40, partitions=2))


def test_the_bare_client_and_our_worker_find_the_same_windows(field: Field) -> None:
    """What is compared is the same work."""
    bare = measure(field, "bare-commits", f"{field.topic}-bare")
    ours = measure(field, "one", f"{field.topic}-one")
    assert bare.counted == ours.counted == field.events
    assert bare.windows == ours.windows > 0
    assert ours.cpu_us > 0


@pytest.mark.skipif(not programs.built().exists(), reason="Kafka Streams isn't fetched: make setup-bench")
def test_kafka_streams_finds_the_same_windows(field: Field) -> None:
    """Kafka Streams counts each event once in its window."""
    bare = measure(field, "bare", f"{field.topic}-bare")
    assert measure(field, "streams", f"{field.topic}-streams").windows == bare.windows
