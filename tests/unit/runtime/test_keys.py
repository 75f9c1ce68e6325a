"""The forms of keys."""

import pytest
from redis.crc import key_slot

from services.runtime.keys import ShardId


def test_all_keys_of_a_shard_are_in_one_slot_and_shards_are_spread() -> None:
    """The hash tag decides the slot, so a shard's keys are together and 24 shards are apart."""
    shards = [ShardId("kpi", "tasuki.lifecycle.v1", partition) for partition in range(24)]
    slots = [{key_slot(s.key(n).encode()) for n in ("ledger", "lead:1", "a{b}c")} for s in shards]

    assert all(len(each) == 1 for each in slots)
    assert len(set[int]().union(*slots)) == 24


def test_a_shard_is_read_back_from_its_text() -> None:
    """The text in headers names service, topic and partition."""
    shard = ShardId("sync", "tasuki.inbox.v1", 3)

    assert str(shard) == "sync:tasuki.inbox.v1:3"
    assert ShardId.parse(str(shard)) == shard
    assert shard.key("lead:42") == "{sync:tasuki.inbox.v1:3}lead:42"
    assert not ShardId("sync", "tasuki.inbox.v1", 33).owns(shard.key("x"))


@pytest.mark.parametrize(
    "parts", [("", "t", 0), ("a:b", "t", 0), ("a", "t{", 0), ("a", "t}", 0), ("a", "t", -1)]
)
def test_what_would_break_the_tag_is_refused(parts: tuple[str, str, int]) -> None:
    """Colons and braces within a part would make two shards' keys meet."""
    with pytest.raises(ValueError, match=r"partition|part of a shard"):
        ShardId(*parts)
