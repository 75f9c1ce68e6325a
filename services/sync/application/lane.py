"""One dispatcher's way to the circuit of its system: which of its leads it holds back, and which goes next."""

from collections.abc import Awaitable, Callable, Collection, Sequence

from services.sync.application.circuit import Circuit, Cut
from services.sync.application.ports import Forbidden
from services.sync.domain.records import WriteResult


class Lane:
    """
    One dispatcher's way to a circuit: which of its leads it holds back, and when it may pick the next.

    Args:
        circuit: Shared with the other shards of the process.
        wake: Called when the line may go on.
    """

    def __init__(self, circuit: Circuit, wake: Callable[[], None]) -> None:
        self._circuit = circuit
        self._wake = wake
        self._held: set[str] = set()
        self._turned_away = False
        self.leave = circuit.listen(self._goes_on)

    @property
    def due_at(self) -> int | None:
        """When there may be something to pick again, epoch ms; None where only a change can bring it."""
        return self._circuit.due_at if self._turned_away else None

    async def pick(
        self,
        read: Callable[[int, Collection[str]], Awaitable[Sequence[str]]],
        most: int,
        skip: Collection[str],
    ) -> Sequence[str]:
        """
        Return the leads to serve next: up to *most*, one where the line stands and a trial is due, or none.

        *read* returns up to so many leads without those to skip. While the line stands each trial takes another
        lead, so that a bad one doesn't keep it shut.
        """
        room = self._circuit.room(most)
        self._turned_away = not room
        if not room:
            return []
        ids = await read(room, {*skip, *self._held} if self._held else skip)
        if not ids and self._held:
            self._held.clear()
            ids = await read(room, skip)
        if ids and not self._circuit.claim():
            self._turned_away = True
            return []
        return ids if self._circuit.stop is None else ids[:1]

    def judge(self, results: Sequence[tuple[str, WriteResult | None]]) -> list[bool]:
        """See `Circuit.judge`; the leads whose end doesn't stand are held back."""
        verdicts = self._circuit.judge(results)
        self._held.update(key for (key, _), stands in zip(results, verdicts, strict=True) if not stands)
        return verdicts

    def forbid(self, error: Forbidden, keys: Collection[str]) -> None:
        """See `Circuit.forbid`; *keys* are the leads that wanted to go."""
        self._circuit.forbid(error)
        self._held.update(keys)

    def cut(self) -> Cut:
        """See `Circuit.cut`."""
        return self._circuit.cut()

    def _goes_on(self) -> None:
        self._held.clear()
        self._wake()
