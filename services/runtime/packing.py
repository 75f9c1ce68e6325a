"""MessagePack with types: what the store holds of ours is packed with it."""

from typing import Any

import msgpack

_msgpack: Any = msgpack  # it ships partial types


def pack(value: Any, *, use_bin_type: bool = True) -> bytes:
    """Return *value* as MessagePack; without the bin type for what Lua's cmsgpack is to read."""
    return _msgpack.packb(value, use_bin_type=use_bin_type)


def unpack(data: bytes) -> Any:
    """Return the value that was packed; text as str, bytes as bytes."""
    return _msgpack.unpackb(data)
