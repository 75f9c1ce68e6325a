"""The builder of operations."""

from typing import Any

import msgpack

from services.runtime.operations import Operations

_msgpack: Any = msgpack  # it ships partial types


def unpacked(operations: Operations) -> list[list[object]]:
    """Return the operations as the function sees them."""
    return _msgpack.unpackb(operations.packed(), raw=True)


def test_keys_are_named_once_and_referred_to_by_index() -> None:
    """The second mention of a key uses the first one's index, counted from 2."""
    operations = Operations().set("a", b"\xff").set("b", "é").delete("a")

    assert list(operations.keys) == ["a", "b"]
    assert unpacked(operations) == [[b"SET", 2, b"\xff"], [b"SET", 3, "é".encode()], [b"DEL", 2]]


def test_no_value_is_packed_as_bin() -> None:
    """The old raw type is all that the server's cmsgpack reads."""
    assert Operations().set("a", b"xy").packed() == b"\x91\x93\xa3SET\x02\xa2xy"


def test_operations_of_one_command_on_one_key_are_joined() -> None:
    """Others on other keys may stand between; another command on the same key ends the run."""
    operations = Operations()
    for count in range(3):
        operations.hincrby("counts", {f"f{count}": count}).sadd("names", [f"n{count}"])
    operations.hset("counts", {"f": 1}).hincrby("counts", {"f": 1})

    assert unpacked(operations) == [
        [b"HINCRBY", 2, b"f0", 0, b"f1", 1, b"f2", 2],
        [b"SADD", 3, b"n0", b"n1", b"n2"],
        [b"HSET", 2, b"f", 1],
        [b"HINCRBY", 2, b"f", 1],
    ]


def test_long_argument_lists_are_split_between_pairs() -> None:
    """Lua can't unpack more than some thousand values; no operation has more than 2,000."""
    operations = Operations().hset("h", {str(field): field for field in range(5_000)})

    sizes = [len(operation) - 2 for operation in unpacked(operations)]
    assert sum(sizes) == 10_000
    assert max(sizes) <= 2_000
    assert all(size % 2 == 0 for size in sizes)


def test_nothing_to_do_adds_nothing() -> None:
    """Empty mappings and lists are no operations."""
    operations = Operations().hset("h", {}).sadd("s", []).zadd("z", {}).hdel("h", [])

    assert len(operations) == 0
    assert list(operations.keys) == []


def test_scores_keep_their_exact_value() -> None:
    """An integer stays one; a fraction travels as text that reads back the same."""
    assert unpacked(Operations().zadd("z", {"a": 1_760_000_000_123, "b": 0.1})) == [
        [b"ZADD", 2, 1_760_000_000_123, b"a", b"0.1", b"b"]
    ]
