"""
What the changes of leads that the log holds would lead to under the rules as they are configured now.

Pure, and in memory: the same deciding that the service does, on leads that begin empty; nothing is written anywhere.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from schemas.instants import epoch_ms
from schemas.lead import LeadChange
from services.sync.application.decide import Decide
from services.sync.application.moving import Moving, UnreadableLead
from services.sync.application.tell import Event
from services.sync.domain.lead import Lead
from services.sync.domain.records import Side

DECIDED = "tasuki.decision.fields-decided.v1"
REACHED, RETRACTED = "tasuki.lifecycle.milestone-reached.v1", "tasuki.lifecycle.milestone-retracted.v1"
KINDS = frozenset({DECIDED, REACHED, RETRACTED})
"""The types of events that are compared."""

Encode: TypeAlias = Callable[[Lead], bytes]
Decode: TypeAlias = Callable[[str, bytes], Lead]


class Outcome(NamedTuple):
    """What a field came to: its value, whose it is (None: the rule's own), and by which rule."""

    value: Any
    winner: str | None
    rule: str


@dataclass(frozen=True, slots=True)
class OtherDecision:
    """A decision that would be another, or wouldn't be made (`now` None), or wasn't made (`then` None); at epoch ms."""

    lead_id: str
    at: int
    field: str
    then: Outcome | None
    now: Outcome | None


@dataclass(frozen=True, slots=True)
class OtherMilestone:
    """A milestone that stands at another instant, epoch ms; None: it doesn't stand."""

    lead_id: str
    cycle: int
    milestone: str
    then_at: int | None
    now_at: int | None


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a side would be written, since the rules ask for it and it isn't there."""

    lead_id: str
    side: Side
    slot: str
    fields: Sequence[str]


@dataclass(slots=True)
class Telling:
    """
    What was told of the types in `KINDS`: decisions from `since` on, epoch ms, and how milestones stand in the end.

    `moved` are the milestones of which something was told since then.
    """

    since: int
    decisions: dict[tuple[str, str, str], tuple[int, Outcome]] = field(
        default_factory=dict[tuple[str, str, str], tuple[int, Outcome]]
    )
    """By lead, event id and field: when, and what."""
    milestones: dict[tuple[str, int, str], int | None] = field(
        default_factory=dict[tuple[str, int, str], "int | None"]
    )
    """By lead, cycle and name: since when it stands; None: it was retracted."""
    moved: set[tuple[str, int, str]] = field(default_factory=set[tuple[str, int, str]])

    def leave_out(self, leads: AbstractSet[str]) -> None:
        """Forget what was told of *leads*."""
        self.decisions = {slot: each for slot, each in self.decisions.items() if slot[0] not in leads}
        self.milestones = {slot: each for slot, each in self.milestones.items() if slot[0] not in leads}
        self.moved = {slot for slot in self.moved if slot[0] not in leads}

    def take(self, event: Mapping[str, Any]) -> None:
        """Take *event*, in the form of its topic, if it is one of those that are compared."""
        kind = event["type"]
        if kind not in KINDS:
            return
        at, lead_id, data = epoch_ms(event["time"]), event["subject"], event["data"]
        if kind != DECIDED:
            slot = lead_id, data["cycle"], data["milestone"]
            self.milestones[slot] = data["reached_at"] if kind == REACHED else None
            if at >= self.since:
                self.moved.add(slot)
        elif at >= self.since:
            for each in data["decisions"]:
                outcome = Outcome(each["value"], each["winner"] and str(each["winner"]), each["rule"])
                self.decisions[lead_id, event["id"], each["field"]] = at, outcome


class Replay:
    """
    Takes the changes of one partition, in their order.

    Args:
        decide: With the rules to try.
        encode, decode: Of leads, which are held encoded: they may be many.
    """

    def __init__(self, decide: Decide, encode: Encode, decode: Decode) -> None:
        self._decide = decide
        self._moving = Moving(decide, encode, decode)
        self._encode = encode
        self._decode = decode
        self._leads: dict[str, bytes] = {}

    def take(self, lead_id: str, change: LeadChange, place: str) -> Sequence[Event]:
        """
        Return what would be told of *change*; *place* is that of its record.

        What a merge hands on to another lead isn't taken: it is in the log, as it was handed on.
        """
        held = self._leads.get(lead_id)
        lead = Lead(lead_id) if held is None else self._decode(lead_id, held)
        try:
            step = self._moving.take(lead, change, place)
        except UnreadableLead:
            return ()
        self._leads[lead_id] = self._encode(step.lead)
        decided = step.decided
        return () if decided is None else [*decided.facts, *decided.decisions]

    def lacking(self) -> Iterator[Lacking]:
        """Yield what would be written, lead by lead."""
        for lead_id, held in self._leads.items():
            lead = self._decode(lead_id, held)
            if lead.merged_into:
                continue
            for side in Side:
                for each in self._decide.lacks(lead, side):
                    yield Lacking(lead_id, side, each.slot, tuple(sorted(each.fields)))


def other_decisions(then: Telling, now: Telling) -> Iterator[OtherDecision]:
    """Yield where *now* isn't *then*, in the order of their times."""
    found: list[OtherDecision] = []
    for slot in then.decisions.keys() | now.decisions.keys():
        before, after = then.decisions.get(slot), now.decisions.get(slot)
        if before != after:
            at = (after or before or (0, None))[0]
            outcomes = None if before is None else before[1], None if after is None else after[1]
            found.append(OtherDecision(slot[0], at, slot[2], *outcomes))
    yield from sorted(found, key=lambda each: (each.at, each.lead_id, each.field))


def other_milestones(then: Telling, now: Telling) -> Iterator[OtherMilestone]:
    """Yield the milestones that moved and stand in one of them only, or at another instant, by lead and cycle."""
    for slot in sorted(then.moved | now.moved):
        before, after = then.milestones.get(slot), now.milestones.get(slot)
        if before != after:
            yield OtherMilestone(*slot, before, after)
