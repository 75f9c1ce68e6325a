"""Why a field has the value it has: the outcome before and after a change, told when it matters."""

from collections.abc import Collection, Iterator
from typing import NamedTuple, TypeAlias

from services.sync.domain.consent import agreed
from services.sync.domain.lead import Lead
from services.sync.domain.owners import seen_from
from services.sync.domain.policy import Outcome, resolve
from services.sync.domain.records import Scalar, Side
from services.sync.domain.rules import Rules


class Candidate(NamedTuple):
    """What one side said, and when; `changed_at` NEVER where it never said anything."""

    side: Side
    value: Scalar
    changed_at: int


class Decision(NamedTuple):
    """Which value a field got, by which rule, and what lost."""

    field: str
    outcome: Outcome
    candidates: tuple[Candidate, Candidate]

    @property
    def loser(self) -> Candidate | None:
        """The value that did not win although its side had one, None where nothing was lost."""
        if self.outcome.winner is None or not self.outcome.conflict:
            return None
        return next(each for each in self.candidates if each.side is not self.outcome.winner)


Stand: TypeAlias = tuple[Outcome, Scalar, int, Scalar, int]
"""The outcome for a field, then what MA said, and when, and what SFA said, and when."""


def outcomes(lead: Lead, names: Collection[str], rules: Rules) -> dict[str, Stand]:
    """Return how each of the fields *names* that both sides share stands now."""
    return {name: _stand(lead, name, rules) for name in names if name in rules.fields}


def _stand(lead: Lead, name: str, rules: Rules) -> Stand:
    ma, sfa = lead.seen(name, Side.MA), seen_from(lead.seen(name, Side.SFA), name, Side.MA, rules)
    outcome = agreed(lead, name, rules) or resolve(
        rules.fields[name].policy, ma, sfa, tie_order=rules.tie_order, skew_ms=rules.skew_ms
    )
    return outcome, ma.said, ma.said_at, sfa.said, sfa.said_at


def made(before: dict[str, Stand], after: dict[str, Stand]) -> Iterator[Decision]:
    """
    Yield the decisions that change something: another value on a side, or another value that lost.

    That the same was said at another time changes nothing.
    """
    for name, stand in after.items():
        outcome, ma, ma_at, sfa, sfa_at = stand
        was, ma_was, _, sfa_was, _ = before[name]
        moved = outcome[:2] != was[:2]
        if moved or (outcome.conflict and (outcome, ma, sfa) != (was, ma_was, sfa_was)):
            candidates = (Candidate(Side.MA, ma, ma_at), Candidate(Side.SFA, sfa, sfa_at))
            yield Decision(name, outcome, candidates)
