"""One worker's fold beside Quix Streams, Kafka Streams and the bare client, on one topic of one real Kafka."""

from collections.abc import Sequence


def main(options: Sequence[str] = ()) -> None:
    """Measure and print."""
    from tests.benchmarks.peers.compare import main as compare  # noqa: PLC0415 -- the programs import this package too

    compare(options)
