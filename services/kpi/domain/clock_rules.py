"""The rules by which the clocks of a lead are worked out: what the promises say of facts and traits, by their eras."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.kpi.domain.sla.facts import Era, in_force
from services.kpi.domain.sla.policy import Policy, Turn
from services.kpi.domain.sla.rulebook import BookEra, eras_of


@dataclass(frozen=True, slots=True)
class ClockRules:
    """
    The promises of a firm in the course of time.

    Args:
        eras: The name of each policy to its terms. Nothing is promised before the first.
        number: How many times there were new ones: of two that clocks were worked out by, the greater is younger.
    """

    eras: Mapping[str, tuple[Era, ...]] = field(default_factory=dict[str, tuple[Era, ...]])
    number: int = 1

    @classmethod
    def of(cls, history: Sequence[BookEra]) -> "ClockRules":
        """Return the rules that *history*, all eras so far, amounts to."""
        return cls(eras_of(history), len(history))

    def policies(self, name: str) -> Iterator[Policy]:
        """Yield each version of the policy *name*."""
        for era in self.eras.get(name, ()):
            if era.terms is not None:
                yield era.terms.policy

    def concerns(self, fact: str) -> bool:
        """Return whether a policy names *fact*."""
        return any(each.effects(fact) for name in self.eras for each in self.policies(name))

    def starts(self, name: str, fact: str) -> bool:
        """Return whether *fact* starts a clock of the policy *name*, in one of its versions."""
        return any((Turn.START, None) in each.effects(fact) for each in self.policies(name))

    def promises(self, fact: str, at: int) -> bool:
        """Return whether *fact*, at the instant *at*, starts a clock."""
        found = (in_force(eras, at) for eras in self.eras.values())
        return any(each is not None and (Turn.START, None) in each.policy.effects(fact) for each in found)

    @property
    def traits(self) -> frozenset[str]:
        """The traits by which budgets differ."""
        return frozenset(
            trait
            for name in self.eras
            for policy in self.policies(name)
            for target in policy.targets
            for trait in target.when
        )
