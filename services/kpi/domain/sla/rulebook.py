"""What a firm promises, in the course of time: rulebooks, and the eras in which they hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.errors import Misconfigured
from services.kpi.domain.sla.deadlines import Hours
from services.kpi.domain.sla.facts import Era, Terms
from services.kpi.domain.sla.policy import Policy


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What is promised at one time: the terms of each policy, by its name, with the calendars that it names."""

    terms: Mapping[str, Terms] = field(default_factory=dict[str, Terms])

    @classmethod
    def of(cls, policies: Iterable[Policy], calendars: Mapping[str, Hours] | None = None) -> "Rulebook":
        """Return the book of *policies*. Raises Misconfigured: two of one name, or a calendar that isn't there."""
        known, found = calendars or {}, dict[str, Terms]()
        for policy in policies:
            if policy.name in found:
                raise Misconfigured(f"there are two promises with the name {policy.name}")
            named = {each.calendar for each in policy.targets}
            hours = {name: each for name, each in known.items() if name in named}
            found[policy.name] = Terms(policy=policy, calendars=hours)
        return cls(found)


class BookEra(NamedTuple):
    """
    *book* holds from `from_at` on, and came into force at `changed_at`.

    The two differ where a change reaches back: then it takes the place of what held from `from_at` on, and clocks
    that have ended are judged anew. `fingerprint` is of what the book says.
    """

    from_at: int
    changed_at: int
    fingerprint: str
    book: Rulebook

    @property
    def reaches_back(self) -> bool:
        """Whether what was before the change is judged by it."""
        return self.from_at < self.changed_at


def next_era(
    history: Sequence[BookEra],
    book: Rulebook,
    fingerprint: str,
    *,
    now: int,
    first_at: int,
    reaching_back: bool,
) -> BookEra | None:
    """
    Return the era that begins at *now* with *book*; None where nothing has changed.

    Args:
        history: The eras so far, in the order in which they came into force.
        book: What is promised now.
        fingerprint: Of the book.
        now: When an era begins, unless it reaches back.
        first_at: From when on the first book promises.
        reaching_back: Whether a change holds from the first promise on.
    """
    if not history:
        return BookEra(first_at, first_at, fingerprint, book)
    last = history[-1]
    if last.fingerprint == fingerprint:
        return None
    changed_at = max(now, last.changed_at + 1)
    return BookEra(history[0].from_at if reaching_back else changed_at, changed_at, fingerprint, book)


def eras_of(history: Sequence[BookEra]) -> dict[str, tuple[Era, ...]]:
    """Return the terms of each policy that there ever was, in the course of time."""
    holding: list[BookEra] = []
    for each in history:
        while holding and holding[-1].from_at >= each.from_at:
            holding.pop()
        holding.append(each)
    names = dict.fromkeys(name for each in history for name in each.book.terms)
    return {name: tuple(_eras(name, holding)) for name in names}


def _eras(name: str, holding: Sequence[BookEra]) -> list[Era]:
    found: list[Era] = []
    for each in holding:
        terms = each.book.terms.get(name)
        if terms != (found[-1].terms if found else None):
            found.append(Era(each.from_at, terms))
    return found


def differing(before: Rulebook, after: Rulebook) -> tuple[list[str], list[str], list[str]]:
    """Return the names of the policies that were added, removed, and changed (or one of their calendars)."""
    one, other = before.terms, after.terms
    changed = [name for name in sorted(one.keys() & other.keys()) if one[name] != other[name]]
    return sorted(other.keys() - one.keys()), sorted(one.keys() - other.keys()), changed
