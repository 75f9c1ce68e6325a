"""
The two tables of a stored lead: each value and each instant is written once, and then named by its place.

The same few instants and texts stand all over a lead: on both sides of a field, in histories, in ids.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

from services.sync.domain.records import Scalar

Tabled: TypeAlias = tuple[list[int], list[Any]]
"""The instants and the values of a lead, by their places."""

_RESERVED = 96
_KNOWN: tuple[Scalar, ...] = (
    None, True, False, "", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    "hubspot", "contact", "salesforce", "Lead", "Contact", "Opportunity", "Task", "Event",
    "email", "last_name", "first_name", "company", "job_title", "phone", "industry", "employees", "country",
    "source", "opted_out", "owner", "lifecycle_stage", "visits", "email_opens", "email_clicks", "forms",
    "downloads", "seminars", "sfa_status", "score", "score_reasons", "stage", "cycle", "mql_at",
    "sales_stage", "sales_amount", "sales_owner", "sales_close_on", "lost_reason", "verdict",
    "name", "amount", "close_on", "type", "at", "outcome", "subject", "direction", "call", "meeting", "task",
    "lead", "task:1", "opportunity:1", "mql:1", "sql:1", "sfa:lead", "ma:lead", "Completed",
)  # fmt: skip
"""What stands in most leads, by places that never change: append only, up to _RESERVED."""


def _key(value: Scalar) -> Any:
    """True, 1 and 1.0 are three values, though Python calls them equal."""
    return value if isinstance(value, str) else (type(value), value)


_PLACES = {_key(value): place for place, value in enumerate(_KNOWN)}
_GAP: list[Scalar] = [None] * (_RESERVED - len(_KNOWN))


class Tables:
    """The tables while a lead is written; `instant` and `value` return the place of theirs."""

    __slots__ = ("_instants", "_values")

    def __init__(self) -> None:
        self._instants: dict[int, int] = {0: 0}
        self._values: dict[Any, int] = {}

    def instant(self, at: int) -> int:
        """Return the place of *at*; 0 is NEVER."""
        return self._instants.setdefault(at, len(self._instants))

    def value(self, value: Scalar) -> int:
        """Return the place of *value*."""
        key = value if type(value) is str else (type(value), value)
        place = _PLACES.get(key)
        return self._values.setdefault(key, _RESERVED + len(self._values)) if place is None else place

    def packed(self) -> list[Any]:
        """Return both: instants as steps from the one before, values as they are."""
        steps = [at - before for before, at in pairwise(self._instants)]
        return [steps, [key if type(key) is str else key[1] for key in self._values]]


def read_tables(packed: list[Any]) -> Tabled:
    """Return what `Tables.packed` made *packed* of."""
    steps, values = packed
    return list(accumulate(steps, initial=0)), [*_KNOWN, *_GAP, *values]


def records(size: int, flat: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Return the records of *size* integers that follow each other in *flat*."""
    parts = iter(flat)
    return zip(*[parts] * size, strict=True)
