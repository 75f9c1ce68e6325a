"""What reading the KPIs needs of the world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

_DIGITS = "0123456789"


Names: TypeAlias = tuple[str, ...]
"""Names of keys, as in services.kpi.domain.places."""


@dataclass(slots=True)
class Wanted:
    """Which counters to read: fields summed over some keys, and whole keys."""

    sums: dict[Names, dict[str, None]] = field(default_factory=dict[Names, dict[str, None]])
    keys: dict[str, None] = field(default_factory=dict[str, None])

    def add(self, names: Names, fields: Sequence[str]) -> None:
        """Want the sums of *fields*, each over the keys *names*."""
        self.sums.setdefault(names, {}).update(dict.fromkeys(fields))

    def summed(self, amounts: Mapping[str, Mapping[str, int]]) -> dict[Names, dict[str, int]]:
        """Return the sums that are wanted, of counters that are at hand."""
        return {
            names: {each: sum(amounts.get(name, {}).get(each, 0) for name in names) for each in fields}
            for names, fields in self.sums.items()
        }


@dataclass(frozen=True, slots=True)
class Counters:
    """
    Counters summed over all shards.

    Args:
        sums: The keys that were summed, to field to sum.
        amounts: Key that is wanted whole to field to sum; what isn't there is 0.
        offsets: Partition to the last offset of the lifecycle topic that it reflects, -1 before the first.
        generations: Of the rules that the shards were counted by; more than the one in force while a recount runs.
    """

    sums: Mapping[Names, Mapping[str, int]]
    amounts: Mapping[str, Mapping[str, int]]
    offsets: Mapping[int, int]
    generations: frozenset[str]
    _read: dict[str, Mapping[str, Mapping[int, int]]] = field(
        default_factory=dict[str, Mapping[str, Mapping[int, int]]]
    )

    def numbered(self, name: str, head: str) -> Mapping[int, int]:
        """Return of the key *name* the fields that are *head* and a number: number to sum."""
        found = self._read.get(name)
        if found is None:
            by_head: dict[str, dict[int, int]] = {}
            for each, amount in self.amounts.get(name, {}).items():
                start = each.rstrip(_DIGITS)
                by_head.setdefault(start, {})[int(each[len(start) :])] = amount
            found = self._read[name] = by_head
        return found.get(head, {})


class CounterStore(Protocol):
    """Where the counters are."""

    async def read(self, wanted: Wanted) -> Counters:
        """Return what is *wanted*, of each shard as it stands at one instant. Raises StoreUnavailable."""
        ...

    async def versions(self) -> Mapping[int, int]:
        """Return how many commits each shard has had; cheap, to learn of a change. Raises StoreUnavailable."""
        ...
