"""What FastStream and aiokafka call back: the rebalance listener, the logger, the decoder."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, cast

import structlog
from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from faststream.kafka.message import KafkaMessage

from services.runtime.log.holding import Membership
from services.runtime.log.kafka_settings import lasting

_log = structlog.get_logger(__name__)

Raw: TypeAlias = tuple[ConsumerRecord[Any, Any], ...]
"""A batch as the client fetched it, of one partition or several."""


class Takes(Protocol):
    """Who takes partitions over and lets them go."""

    def begin_take_over(self, places: set[TopicPartition]) -> None:
        """Hold *places* back at once, and have them taken over in the background."""
        ...

    async def let_go(self) -> None:
        """Let go of all that is held."""
        ...


class Listener(ConsumerRebalanceListener):
    """
    What aiokafka calls.

    Coroutines both: FastStream runs a plain function in a thread, where nothing of the client may be touched.
    """

    def __init__(self, taking: Takes) -> None:
        self._taking = taking

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride] -- awaited if it can be
        self,
        revoked: set[TopicPartition],  # noqa: ARG002 -- always all that is held
    ) -> None:
        """Let the handler let go before the group assigns anew."""
        await self._taking.let_go()

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride] -- as above
        self, assigned: set[TopicPartition]
    ) -> None:
        """Pause first of all, then return: the client sends no heartbeat meanwhile."""
        self._taking.begin_take_over(assigned)


class Complaints:
    """The logger that FastStream gets: drops its chatter, ends the subscription on what will not go away."""

    def __init__(self, membership: Membership, fail: Callable[[BaseException], None]) -> None:
        self._membership = membership
        self._fail = fail

    def log(
        self,
        level: int,
        msg: Any,
        /,
        *,
        exc_info: Any = None,
        extra: Mapping[str, Any] | None = None,  # noqa: ARG002 -- FastStream's protocol
    ) -> None:
        """Pass errors on to our log, and end the subscription on those that will not go away."""
        if level < logging.ERROR:
            return
        _log.warning("broker.complained", topic=self._membership.topic, said=str(msg), reason=str(exc_info))
        if isinstance(exc_info, BaseException) and lasting(exc_info):
            self._fail(exc_info)


async def decode(message: KafkaMessage) -> Raw:
    """Hand the records through as they came."""
    return cast("Raw", message.raw_message)
