"""The rules of the score as data: what gives points, for how long, up to which caps, and what makes an MQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from zlib import crc32


class Operator(StrEnum):
    """How an attribute is compared with the operands of its rule."""

    IS = "is"  # equal to one of them, ignoring case and width
    CONTAINS = "contains"  # holds one of them, ignoring case and width
    AT_LEAST = "at-least"  # a number, at least the first operand


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourRule:
    """
    Points for what a lead does.

    Exactly one of the two: `counter` is a field that counts (page visits, e-mail opens, forms), each step
    gives `points`; `activity` is an activity's type, each activity gives `points`. `cap` bounds the sum, `group`
    is the group that bounds it together with others.

    Points get old, by the firm's calendar days: `lapse_days` after it was done all of them are gone, each
    `halving_days` half of them, the rest rounded towards 0. None: they don't.
    """

    points: int
    label: str
    label_ja: str
    counter: str | None = None
    activity: str | None = None
    cap: int | None = None
    group: str | None = None
    lapse_days: int | None = None
    halving_days: int | None = None

    @property
    def ages(self) -> bool:
        """Whether its points get old."""
        return self.lapse_days is not None or self.halving_days is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeRule:
    """Points for what a lead is: `field` compared with `operands` by `operator`. They don't get old."""

    field: str
    operator: Operator
    operands: tuple[str | int, ...]
    points: int
    label: str
    label_ja: str
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreGroup:
    """Rules that give `cap` points at most together."""

    name: str
    cap: int
    label: str
    label_ja: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """
    How a score comes about and what makes an MQL.

    `read_from` None: computed here from `behaviours` and `attributes`. Otherwise the name of the field in
    which the MA keeps its own score. `rearm_below`: a lead that qualified qualifies again only after its score was
    below this; left out, below the threshold. `confirmed`: the mark of the rules whose change was confirmed.

    `labels`: of the rules, in their order; `labels_ja`: the Japanese label for each label. `ages`: whether any points get old. `mark`: a number by which
    leads know by which rules they were scored; labels don't move it.
    """

    threshold: int
    read_from: str | None = None
    behaviours: tuple[BehaviourRule, ...] = ()
    attributes: tuple[AttributeRule, ...] = ()
    groups: tuple[ScoreGroup, ...] = ()
    rearm_below: int | None = None
    confirmed: str | None = None
    labels: tuple[str, ...] = field(init=False, repr=False, compare=False)
    labels_ja: Mapping[str, str] = field(init=False, repr=False, compare=False)
    ages: bool = field(init=False, repr=False, compare=False)
    mark: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out what each decision needs once."""
        labels = {each.label: each.label_ja for each in (*self.behaviours, *self.attributes, *self.groups)}
        object.__setattr__(self, "labels_ja", labels)
        object.__setattr__(self, "labels", tuple(each.label for each in (*self.behaviours, *self.attributes)))
        object.__setattr__(self, "ages", any(each.ages for each in self.behaviours))
        object.__setattr__(self, "mark", crc32(repr(self._meaning()).encode()) or 1)

    @property
    def rearm_at(self) -> int:
        """The score below which a lead that qualified may qualify again."""
        return self.threshold if self.rearm_below is None else self.rearm_below

    @property
    def mark_text(self) -> str:
        """`mark` as people write it."""
        return f"{self.mark:08x}"

    @property
    def is_confirmed(self) -> bool:
        """Whether somebody confirmed what these rules change."""
        return self.confirmed == self.mark_text

    def _meaning(self) -> list[object]:
        """Return what moves points or qualifies, in the order that means nothing taken out."""
        behaviours = [
            (
                each.counter,
                each.activity,
                each.points,
                each.cap,
                each.group,
                each.lapse_days,
                each.halving_days,
            )
            for each in self.behaviours
        ]
        attributes = [
            (each.field, each.operator.value, each.operands, each.points, each.group)
            for each in self.attributes
        ]
        groups = [(each.name, each.cap) for each in self.groups]
        return [
            self.threshold,
            self.rearm_at,
            self.read_from,
            sorted(behaviours, key=repr),
            sorted(attributes, key=repr),
            sorted(groups),
        ]
