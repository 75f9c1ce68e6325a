"""What both adapters check of topics and records, and how they say that it is wrong."""

from collections.abc import Sequence

from services.errors import Misconfigured
from services.runtime.log.port import (
    MAX_VALUE_BYTES,
    SEAL_BYTES,
    SEALED_HEADER,
    Record,
    RecordTooLarge,
    TopicSpec,
)


def check_sizes(records: Sequence[Record]) -> None:
    """Raise RecordTooLarge if a value is longer than the log takes."""
    for record in records:
        most = MAX_VALUE_BYTES + SEAL_BYTES * (SEALED_HEADER in record.headers)
        if record.value is not None and len(record.value) > most:
            raise RecordTooLarge(topic=record.topic, key=record.key, size=len(record.value))


def check_spec(wanted: TopicSpec, found: TopicSpec) -> None:
    """Raise Misconfigured if the topic *found* does not do for what is *wanted*; the text names the mend."""
    name = wanted.name
    if found.partitions != wanted.partitions:
        raise Misconfigured(
            f"topic {name!r} has {found.partitions} partitions, but the configuration says "
            f"{wanted.partitions}. The number is fixed when a deployment is made, for it decides where each "
            f"key lies: set it back to {found.partitions}, or begin a new deployment and replay into it"
        )
    if found.compacted != wanted.compacted:
        raise Misconfigured(
            f"topic {name!r} is {'' if found.compacted else 'not '}compacted, but must "
            f"{'' if wanted.compacted else 'not '}be: set cleanup.policy to "
            f"{'compact' if wanted.compacted else 'delete'}, or name another topic"
        )
    if _shorter(found.retention_ms, wanted.retention_ms):
        raise Misconfigured(
            f"topic {name!r} keeps records for {found.retention_ms} ms, but must keep them for "
            f"{'ever' if wanted.retention_ms is None else f'{wanted.retention_ms} ms'}: set retention.ms to "
            f"{-1 if wanted.retention_ms is None else wanted.retention_ms}"
        )


def unknown_topic(topic: str) -> Misconfigured:
    """Return the error for a topic that was not given to `ensure_topics`."""
    return Misconfigured(f"topic {topic!r} is not known: give it to ensure_topics before using it")


def _shorter(found: int | None, wanted: int | None) -> bool:
    return found is not None and (wanted is None or found < wanted)
