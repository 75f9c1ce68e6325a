"""
A process of the notifier on the embedded log, for tests that kill it.

Run by path with the server's URL, the log's namespace, the service's name, and for each sink ``name=url``.
"""

import asyncio
import signal
import sys
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from schemas.topics import ALERTS, DEAD_LETTERS
from services.kpi.adapters.sinks import WebhookSink
from services.kpi.adapters.templates import Renderer
from services.kpi.consumers.notices import NoticeProcessor
from services.kpi.domain.notice_rules import NoticeRules, Route, SinkRule
from services.runtime.clock import now_ms
from services.runtime.log.embedded import EmbeddedLog
from services.runtime.log.port import TopicSpec
from services.runtime.mechanism import Mechanism
from services.runtime.store import Store
from services.runtime.worker import ShardWorker


async def run(url: str, namespace: str, service: str, sinks: dict[str, str]) -> None:
    """Work until SIGTERM or a failure."""
    store, log = Store(url), EmbeddedLog(url, namespace=namespace, lease_ms=1_000)
    await store.start()
    await log.start()
    await log.ensure_topics([TopicSpec(ALERTS.name, 1), TopicSpec(DEAD_LETTERS.name, 1)])
    rules = NoticeRules(
        sinks={
            name: SinkRule(name=name, window_ms=20, limit=0, first_wait_ms=20, longest_wait_ms=100)
            for name in sinks
        },
        routes=tuple(Route(sink=name) for name in sinks),
    )
    renderer, failed = Renderer(rules), asyncio.Event()
    made = {
        name: WebhookSink(url=each, secrets=["secret"], renderer=renderer, clock=now_ms)
        for name, each in sinks.items()
    }
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, failed.set)
    processor = NoticeProcessor(rules=rules, sinks=made, clock=now_ms, failed=lambda _error: failed.set())
    worker = ShardWorker(
        service=service, topic=ALERTS.name, processor=processor, mechanism=Mechanism(store=store, log=log)
    )
    await worker.start()
    await failed.wait()
    await worker.stop()
    for each in made.values():
        await each.close()
    await log.close()
    await store.close()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    named = dict(each.split("=", 1) for each in sys.argv[4:])
    asyncio.run(run(sys.argv[1], sys.argv[2], sys.argv[3], named))
