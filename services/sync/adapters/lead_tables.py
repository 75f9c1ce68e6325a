"""
The two tables of a stored lead: each value and each instant is written once, and then named by its place.

The same few instants and texts stand all over a lead: on both sides of a field, in histories, in ids.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate, count, islice, pairwise
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


ODD = (bool, float)
"""True, 1 and 1.0 are three values, though Python calls them equal: these two are looked up with their type."""


_KNOWN_PLACES: dict[Any, int] = {
    (type(value), value) if type(value) in ODD else value: place for place, value in enumerate(_KNOWN)
}
_GAP: list[Scalar] = [None] * (_RESERVED - len(_KNOWN))


class Tables:
    """
    The tables while a lead is written: subscripting gives the place, and a new key takes the next one.

    `instants`: 0 is NEVER. `values`: ODD ones are looked up with their type, as `value` does.
    """

    __slots__ = ("instants", "values")

    def __init__(self) -> None:
        self.instants: defaultdict[int, int] = defaultdict(count(1).__next__, {0: 0})
        self.values: defaultdict[Any, int] = defaultdict(count(_RESERVED).__next__, _KNOWN_PLACES)

    def value(self, value: Scalar) -> int:
        """Return the place of *value*."""
        return self.values[(type(value), value) if type(value) in ODD else value]

    def packed(self) -> list[Any]:
        """Return both: instants as steps from the one before, values as they are."""
        steps = [at - before for before, at in pairwise(self.instants)]
        new = islice(self.values, len(_KNOWN), None)
        return [steps, [key[1] if type(key) is tuple else key for key in new]]


def read_tables(packed: list[Any]) -> Tabled:
    """Return what `Tables.packed` made *packed* of."""
    steps, values = packed
    return list(accumulate(steps, initial=0)), [*_KNOWN, *_GAP, *values]


def records(size: int, flat: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """Return the records of *size* integers that follow each other in *flat*."""
    parts = iter(flat)
    return zip(*[parts] * size, strict=True)
