"""
The one place for the forms of keys in the store: which shard a key belongs to, and the runtime's own names.

`{service:topic:partition}<name>`: the braces are Redis Cluster's hash tag, so a shard lives in one slot.
Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags

| name   | type   | holds                                                                                    |
|--------|--------|------------------------------------------------------------------------------------------|
| ledger | hash   | epoch, offset, version; written by `commit.lua`, and `epoch` when the shard is opened    |
| outbox | stream | events not yet known to be in the log, `e` = entry (see `outbox`); trimmed after the ack |
| seen   | hash   | producer of relayed events -> the last outbox id taken from it                           |

What a service keeps beside them it names itself, through `ShardId.key`.
"""

from dataclasses import dataclass, field
from typing import Self

LEDGER = "ledger"
OUTBOX = "outbox"
SEEN = "seen"
RUNTIME_NAMES = (LEDGER, OUTBOX, SEEN)


@dataclass(frozen=True, slots=True)
class ShardId:
    """
    One partition of one topic of one service: the unit of order, ownership, atomicity and scale.

    Args:
        service: Who keeps the state, for instance ``sync``; without ``:``, ``{`` and ``}``.
        topic: The topic that is read; without ``:``, ``{`` and ``}``.
        partition: 0 or more.
    """

    service: str
    topic: str
    partition: int
    tag: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for part in (self.service, self.topic):
            if not part or any(sign in part for sign in ":{}"):
                raise ValueError(f"{part!r} cannot be part of a shard's key")
        if self.partition < 0:
            raise ValueError("a partition is 0 or more")
        object.__setattr__(self, "tag", "{" + str(self) + "}")

    def __str__(self) -> str:
        """Return ``service:topic:partition``, the form in headers and logs."""
        return f"{self.service}:{self.topic}:{self.partition}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the shard that `str` wrote as *text*. Raises ValueError."""
        service, topic, partition = text.split(":")
        return cls(service, topic, int(partition))

    def key(self, name: str) -> str:
        """Return the key of *name* in this shard, for instance ``{sync:tasuki.inbox.v1:3}lead:42``."""
        return self.tag + name

    def owns(self, key: str) -> bool:
        """Whether *key* belongs to this shard."""
        return key.startswith(self.tag)

    @property
    def ledger_key(self) -> str:
        """The ledger."""
        return self.tag + LEDGER

    @property
    def outbox_key(self) -> str:
        """The outbox."""
        return self.tag + OUTBOX

    @property
    def seen_key(self) -> str:
        """What was taken from which producer."""
        return self.tag + SEEN
