"""The records of the simulated portal as held in memory, and what a change of one says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Origin(NamedTuple):
    """Where a change comes from, as property histories and webhooks name it."""

    type: str
    id: str
    user: int | None = None
    by_api: bool = False


class Version(NamedTuple):
    """A value that a property had from `at` on."""

    value: str
    at: int
    origin: Origin


@dataclass(slots=True)
class Row:
    """One record. `history` is oldest first; `links` holds, by object, the ids associated with it."""

    object: str
    id: str
    created_at: int
    updated_at: int
    values: dict[str, str] = field(default_factory=dict[str, str])
    history: dict[str, list[Version]] = field(default_factory=dict[str, list[Version]])
    links: dict[str, dict[str, set[int]]] = field(default_factory=dict[str, dict[str, set[int]]])
    archived_at: int | None = None

    @property
    def archived(self) -> bool:
        """Whether it lies in the recycling bin."""
        return self.archived_at is not None

    def put(self, values: Mapping[str, str], at: int, origin: Origin) -> dict[str, str]:
        """Set *values* that differ from what is there, with their history; return those."""
        changed: dict[str, str] = {}
        for name, value in values.items():
            if self.values.get(name, "") == value:
                continue
            self.values[name] = value
            self.history.setdefault(name, []).append(Version(value, at, origin))
            changed[name] = value
        return changed


class Change(NamedTuple):
    """
    What happened to one record.

    `kind`: create, update, delete, restore, merge, erase, associate. `fields` are the properties that
    changed; `extra` what a webhook of this kind tells besides.
    """

    object: str
    id: str
    kind: str
    at: int
    origin: Origin
    fields: Mapping[str, str]
    extra: Mapping[str, Any]


def merged_history(
    primary: Row, other: Row, values: Mapping[str, str], at: int, origin: Origin
) -> dict[str, list[Version]]:
    """Return both histories as one, ending in *values*."""
    history: dict[str, list[Version]] = {}
    for name in dict.fromkeys([*primary.history, *other.history]):
        both: Sequence[Version] = [*primary.history.get(name, ()), *other.history.get(name, ())]
        ordered = sorted(both, key=lambda version: version.at)
        if name in values and ordered[-1].value != values[name]:
            ordered.append(Version(values[name], at, origin))
        history[name] = ordered
    return history
