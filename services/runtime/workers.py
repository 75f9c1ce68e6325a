"""The workers of one service in a process, as components: made when the log knows its topics, watched, stopped."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.runtime.health import Health
from services.runtime.health_probes import ConsumerProbe
from services.runtime.lifecycle import Component
from services.runtime.mechanism import Mechanism
from services.runtime.processor import Processor
from services.runtime.worker import ShardWorker

_LOOK_S = 0.1


@dataclass(slots=True)
class Workers:
    """
    Makes the components.

    Args:
        service: Who keeps state, see `ShardWorker`.
        mechanism: Shared by all of them.
        health: Gets a probe for each, when it is made.
        failures: Whatever is put here ends the process; for tasks that the processors start.
        prefix: Before the components' names, where several services run in one process.
    """

    service: str
    mechanism: Mechanism
    health: Health
    failures: list[BaseException]
    prefix: str = ""
    _made: dict[str, ShardWorker] = field(default_factory=dict[str, ShardWorker])

    @property
    def by_topic(self) -> Mapping[str, ShardWorker]:
        """The workers that were started, by topic; filled as they start."""
        return self._made

    def component(
        self,
        name: str,
        topic: str,
        make: Callable[[], Processor],
        *,
        waits_for: Callable[[], str] = str,
        stands_by_ms: int | None = None,
    ) -> Component:
        """
        Return the member of the group on *topic*.

        Args:
            name: Of the component and of its probe.
            topic: What is read.
            make: Returns what folds it; called at the start, after the components before have started.
            waits_for: See `ConsumerProbe`.
            stands_by_ms: See there.
        """

        async def start() -> None:
            worker = ShardWorker(
                service=self.service, topic=topic, processor=make(), mechanism=self.mechanism
            )
            self._made[topic] = worker
            probe = ConsumerProbe(
                worker.subscription,
                worker.watched,
                self.mechanism.clock,
                waits_for=waits_for,
                stands_by_ms=stands_by_ms,
            )
            self.health.register(name, probe)
            await worker.start()

        async def stop() -> None:
            worker = self._made.get(topic)
            if worker is not None:
                await worker.stop()

        async def run() -> None:
            worker = self._made[topic]
            while worker.failure is None and not self.failures:  # noqa: ASYNC110 - properties, no event
                await asyncio.sleep(_LOOK_S)
            raise worker.failure or self.failures[0]

        return Component(name=f"{self.prefix}{name}", start=start, stop=stop, run=run)
