"""
What people ordered, in the store.

| key                      | type | holds                                                                        |
|--------------------------|------|------------------------------------------------------------------------------|
| tasuki:dead-letters:done | hash | a letter's id -> MessagePack [state, epoch ms, by whom]; no entry: it waits  |
| tasuki:resume            | hash | a system -> epoch ms of the last order to try its lines again                |

They stand outside the shards: nobody folds them. A store that is lost loses them, and all letters wait again;
to replay one twice is harmless.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from services.runtime.packing import pack, unpack
from services.runtime.store import Store
from services.sync.application.letters import LetterState, Mark

DONE = "tasuki:dead-letters:done"
RESUME = "tasuki:resume"
_PAGE = 1_000


class OperatorMarks:
    """See `Marks` in services.sync.application.letters."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def marks(self, ids: Sequence[str]) -> Mapping[str, Mark]:
        """See `Marks.marks`."""
        found: dict[str, Mark] = {}
        for start in range(0, len(ids), _PAGE):
            page = ids[start : start + _PAGE]
            (values,) = await self._store.read([("HMGET", DONE, *page)])
            found |= {
                each: _mark(value) for each, value in zip(page, values, strict=True) if value is not None
            }
        return found

    async def mark(self, ids: Sequence[str], mark: Mark) -> None:
        """See `Marks.mark`."""
        value = pack([mark.state.value, mark.at, mark.by])
        await self._store.write_apart([("HSET", DONE, each, value) for each in ids])

    async def order_resume(self, system: str, at: int) -> None:
        """See `Marks.order_resume`."""
        await self._store.write_apart([("HSET", RESUME, system, at)])

    async def resumes(self) -> Mapping[str, int]:
        """See `Marks.resumes`."""
        (flat,) = await self._store.read([("HGETALL", RESUME)])
        pairs = cast("dict[bytes, bytes]", flat)
        return {system.decode(): int(at) for system, at in pairs.items()}


def _mark(value: bytes) -> Mark:
    state, at, by = cast("list[Any]", unpack(value))
    return Mark(LetterState(state), int(at), str(by))
