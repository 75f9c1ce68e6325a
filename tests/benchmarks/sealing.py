"""What sealing costs: CPU time of this process for each record appended and read, with seals and without."""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from schemas.topics import INBOX, SEALING_KEYS
from services.runtime.clock import now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.key_ring import KeyRing
from services.runtime.log.port import Log, Record, TopicSpec
from services.runtime.log.sealed import SealedLog
from services.runtime.store import Store
from services.runtime.valkey_server import EmbeddedServer
from tests.benchmarks.kept import keep, keeping

KEYS = 4_000
ROUNDS = 5
BATCH = 200
VALUE = b"x" * 1_000
SPECS = [TopicSpec(INBOX.name, 4), TopicSpec(SEALING_KEYS.name, 4, compacted=True)]


async def _measured(log: Log) -> dict[str, float]:
    """Return µs of CPU a record: the first of each key, later ones, and reading."""
    await log.start()
    await log.ensure_topics(SPECS)
    spent: list[float] = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for start in range(0, KEYS, BATCH):
            await log.append(
                [Record(INBOX.name, f"hubspot:contact:{n}", VALUE) for n in range(start, start + BATCH)]
            )
        spent.append((time.process_time() - began) * 1e6 / KEYS)
    began = time.process_time()
    for partition, offsets in (await log.offsets(INBOX.name)).items():
        offset = offsets.begin
        while page := await log.read(INBOX.name, partition, offset):
            offset = page[-1].offset + 1
    read = (time.process_time() - began) * 1e6 / (KEYS * ROUNDS)
    await log.close()
    return {"first_us": spent[0], "later_us": sum(spent[1:]) / (ROUNDS - 1), "read_us": read}


async def _run() -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name in ("plain", "sealed"):
        with tempfile.TemporaryDirectory() as folder:
            async with EmbeddedServer(Path(folder)) as server:
                inner, store = EmbeddedLog(server.url), Store(server.url)
                sealed = SealedLog(inner, KeyRing(inner, store, now_ms), store, {INBOX.name})
                found[name] = await _measured(inner if name == "plain" else sealed)
    return found


def main(arguments: Sequence[str] = ()) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    keeping(parser)
    given = parser.parse_args(arguments)
    found = asyncio.run(_run())
    for name, figures in found.items():
        told = ", ".join(f"{each.removesuffix('_us')} {value:.0f} µs" for each, value in figures.items())
        print(f"{name}: {told} of CPU a record of 1 kB")
    keep(given, found)
