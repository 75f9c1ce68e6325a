"""What new rules or another calendar do to a clock: it is worked out anew, and the differences are named."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from services.kpi.domain.sla.clocks import Clock, Round, derive
from services.kpi.domain.sla.facts import Era, Fact, Trait

Shown: TypeAlias = int | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    `what` of the present round is another: ``state``, ``round``, ``budget_ms``, ``calendar``, ``deadline_at``,
    or the time of a step, by its name. None where there is none.
    """

    what: str
    before: Shown
    after: Shown


def recompute(
    cycle: int,
    facts: Iterable[Fact],
    traits: Iterable[Trait],
    *,
    before: Sequence[Era],
    after: Sequence[Era],
    now: int,
) -> tuple[Clock, tuple[Change, ...]]:
    """
    Return the clock under the rules *after*, and what of it differs from that under *before*.

    What ended before the new era stays as it was judged; what is open is held to the new rules from its start
    on, with the time that it has used up. What of that is to be told, `telling.due` says.
    """
    facts, traits = set(facts), set(traits)
    clock = derive(cycle, facts, traits, after)
    return clock, tuple(differences(derive(cycle, facts, traits, before), clock, now))


def differences(before: Clock, after: Clock, now: int) -> Iterator[Change]:
    """Yield what differs between the present rounds of two clocks."""
    one, other = _shown(before, now), _shown(after, now)
    for what in {**one, **other}:
        if one.get(what) != other.get(what):
            yield Change(what=what, before=one.get(what), after=other.get(what))


def _shown(clock: Clock, now: int) -> dict[str, Shown]:
    each = clock.round
    shown: dict[str, Shown] = {"state": str(clock.state(now))}
    return shown if each is None else {**shown, **_round(each)}


def _round(each: Round) -> dict[str, Shown]:
    calendar = None if each.target is None else each.target.calendar
    return {
        "round": each.number,
        "budget_ms": None if each.target is None else each.budget_ms,
        "calendar": calendar,
        "deadline_at": each.deadline_at,
        **{step.name: step.at for step in each.steps},
    }
