"""What the lives must have led to, reckoned from the acts alone, without the service or its code."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from unicodedata import normalize

from services.cli.demo.life import Life
from services.sync.domain.score_rules import AttributeRule, Operator, Scoring


@dataclass(slots=True)
class Track:
    """
    What was really done in a life so far; every act enters it at the moment it is done.

    `fields` are the values that score, as last set. `qualifications` counts how often the person must have
    become an MQL. `entered`: sales made the person by hand. `touched`: the viewer changed what scores, so whether
    the person must qualify isn't known any more.
    """

    life: Life
    scoring: Scoring
    fields: dict[str, str]
    counts: Counter[str] = field(default_factory=Counter[str])
    handled: Counter[str] = field(default_factory=Counter[str])
    qualifications: int = 0
    recycled: bool = False
    opted_out: bool = False
    touched: bool = False
    entered: bool = False
    _over: bool = False
    _said: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def __post_init__(self) -> None:
        """Remember what is known at first."""
        self._said.update(self.fields.items())

    def seen(self, field_name: str, value: str) -> None:
        """A field that scores was set to *value* by a person; if not by one of the demo's, the viewer did it."""
        self.touched = self.touched or (field_name, value) not in self._said

    def grown(self, counter: str, by: int) -> int:
        """They did something that counts; return the counter's new value."""
        self.counts[counter] += by
        self._said.add((counter, str(self.counts[counter])))
        self._judge()
        return self.counts[counter]

    def edited(self, fields: Mapping[str, str]) -> None:
        """Their `fields` are now so."""
        self.fields.update(fields)
        self._said.update(fields.items())
        self._judge()

    def given_back(self) -> None:
        """Sales recycled them: what they did before counts no more."""
        self.recycled = True
        self.handled = Counter(self.counts)
        self._over = self.score >= self.scoring.threshold

    @property
    def score(self) -> int:
        """The points that the firm's rules give for what was done."""
        return sum(self._behaviour()) + sum(
            rule.points for rule in self.scoring.attributes if _fits(rule, self.fields.get(rule.field))
        )

    def _behaviour(self) -> list[int]:
        found: list[int] = []
        for rule in self.scoring.behaviours:
            name = rule.counter or ""
            points = (self.counts[name] - self.handled[name]) * rule.points
            found.append(points if rule.cap is None else min(points, rule.cap))
        return found

    def _judge(self) -> None:
        over = self.score >= self.scoring.threshold
        if over and not self._over and (self.qualifications == 0 or self.recycled):
            self.qualifications += 1
            self.recycled = False
        self._over = over


def _fits(rule: AttributeRule, value: str | None) -> bool:
    if not value:
        return False
    if rule.operator is Operator.AT_LEAST:
        return float(value) >= float(rule.operands[0])
    text = normalize("NFKC", value).casefold()
    wanted = [normalize("NFKC", str(each)).casefold() for each in rule.operands]
    return text in wanted if rule.operator is Operator.IS else any(each in text for each in wanted)


def must_qualify(track: Track) -> bool:
    """Return whether the person must have become an MQL."""
    return track.qualifications > 0 and not track.touched


def expected_on_both(track: Track) -> bool:
    """Return whether the person must stand on both sides: they qualified, or sales made them."""
    return must_qualify(track) or track.entered
