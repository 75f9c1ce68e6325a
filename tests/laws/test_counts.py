"""
The law of counting: counters are a function of the set of facts.

Any permutation of facts, with any repeats, in any batches, ends in the same counters, and these are what a plain
recount of the facts that hold says.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.lifecycle import LifecycleFact
from services.kpi.adapters.lead_codec import decode, encode
from services.kpi.application.told import fact_of
from services.kpi.domain.calendar import Calendar
from services.kpi.domain.contribution import Sums
from services.kpi.domain.contributions import Counting
from services.kpi.domain.counters import MILESTONE_CODES
from services.kpi.domain.facts import CycleTold, Fact, LeadGone, Milestone
from services.kpi.domain.increments import Increments
from services.kpi.domain.lead import WHOLE, KpiLead, parts_of, take
from services.kpi.domain.rules import CountingRules
from tests.kpi_facts import DAY, HOUR, START, Teller, converted, milestones_by_day, people_called

LEADS = ("a", "b")
RULES = CountingRules(
    dimensions=("role", "owner", "team", "source"),
    teams={"x@f": "east"},
    horizons_days=(1,),
    keep_minutes_ms=400 * DAY,
)
CALENDAR = Calendar(RULES.time_zone)
COUNTING = Counting(RULES, CALENDAR)

instants = st.integers(0, 40).map(lambda step: START + step * 7 * HOUR)
standings = st.fixed_dictionaries(
    {
        "holder": st.sampled_from([None, "x@f", "y@f"]),
        "origin": st.sampled_from(["sdr", "bdr"]),
        "segments": st.sampled_from([{}, {"source": "展示会"}, {"source": "web", "customer": "既存"}]),
    }
)


@st.composite
def histories(draw: st.DrawFn) -> Sequence[LifecycleFact]:
    """What sync told of a few leads, in the order it told it."""
    teller = Teller()
    for _ in range(draw(st.integers(0, 14))):
        lead, at, who = draw(st.sampled_from(LEADS)), draw(instants), draw(standings)
        milestone = draw(st.sampled_from(list(MILESTONE_CODES))).value
        cycle = 1 if milestone == "lead" else draw(st.integers(1, 2))
        match draw(st.sampled_from(["reached", "reached", "retracted", "did", "did", "offered"])):
            case "reached":
                amount = draw(st.sampled_from([None, 500]))
                teller.reached(lead, milestone, at, cycle=cycle, amount=amount, currency="JPY", **who)
            case "retracted":
                teller.retracted(lead, milestone, at, cycle=cycle, **who)
            case "did":
                key, kind = draw(st.sampled_from("12")), draw(st.sampled_from(["call", "email", "task"]))
                outcome = draw(st.sampled_from([None, "Connected", "有効会話", "busy"]))
                teller.did(
                    lead, key, at, kind, by=draw(st.sampled_from([None, "x@f"])), outcome=outcome, **who
                )
            case _:
                teller.tell(
                    "handoff-offered",
                    lead,
                    cycle=cycle,
                    handoff="mql",
                    qualified_at=at,
                    offered_at=at + 9_000,
                    **who,
                )
    return teller.told


def facts_of(events: Sequence[LifecycleFact]) -> list[tuple[str, Fact]]:
    """Return the facts with their leads."""
    found = ((each.subject, fact_of(each, each.subject, START)) for each in events)
    return [(lead, fact) for lead, fact in found if fact is not None and not isinstance(fact, CycleTold)]


class Shard:
    """Counters in memory, moved batch by batch as the consumer moves them; each lead goes through its bytes."""

    def __init__(self) -> None:
        self.counters: Counter[tuple[str, str]] = Counter()
        self.leads: dict[str, bytes] = {}

    def fold(self, facts: Sequence[tuple[str, Fact]]) -> None:
        """Take a batch."""
        increments = Increments(RULES, CALENDAR, now=START)
        for lead_id in dict.fromkeys(lead_id for lead_id, _ in facts):
            told = [fact for whose, fact in facts if whose == lead_id]
            blob = self.leads.get(lead_id)
            lead = KpiLead(lead_id) if blob is None else decode(lead_id, blob)[0]
            parts = parts_of(lead, told)
            COUNTING.add(increments.sums, lead, parts, sign=-1)
            for fact in told:
                take(lead, fact)
            COUNTING.add(increments.sums, lead, parts)
            self.leads[lead_id] = encode(lead, RULES.generation)
        for name, fields in increments.gathered()[0].items():
            for field, amount in fields.items():
                self.counters[name, field] += amount
                if not self.counters[name, field]:
                    del self.counters[name, field]

    def day(self, day: str) -> Mapping[str, int]:
        """Return the counters of a day, the whole's."""
        name = f"n:{RULES.generation}:d{date.fromisoformat(day).toordinal()}"
        return {field: count for (key, field), count in self.counters.items() if key == name}


def folded(batches: Sequence[Sequence[tuple[str, Fact]]]) -> Shard:
    """Return a shard that took *batches*."""
    shard = Shard()
    for batch in batches:
        shard.fold(batch)
    return shard


@given(history=histories(), data=st.data())
@settings(max_examples=150)
def test_order_repeats_and_batches_make_no_difference(
    history: Sequence[LifecycleFact], data: st.DataObject
) -> None:
    """The same set of facts ends in the same counters and the same bytes of each lead."""
    facts = facts_of(history)
    repeated = facts + data.draw(st.lists(st.sampled_from(facts), max_size=5) if facts else st.just([]))
    shuffled = data.draw(st.permutations(repeated))
    size = data.draw(st.integers(1, 6))

    one = folded([facts])
    other = folded([shuffled[at : at + size] for at in range(0, len(shuffled), size)])

    assert other.counters == one.counters
    assert other.leads == one.leads
    assert all(count > 0 for count in one.counters.values())


@given(history=histories())
@settings(max_examples=150)
def test_counters_are_what_a_plain_recount_says(history: Sequence[LifecycleFact]) -> None:
    """Milestones by day, cohorts and distinct people agree with a count that knows no counters."""
    shard = folded([[each] for each in facts_of(history)])
    expected = milestones_by_day(history)

    days = {date.fromordinal(CALENDAR.day_of(START + step * 7 * HOUR)).isoformat() for step in range(41)}
    found = {
        (milestone.value, day): count
        for day in days
        for milestone, code in MILESTONE_CODES.items()
        if (count := shard.day(day).get(code))
    }
    assert found == expected
    for entered, reached in (("lead", "opportunity"), ("mql", "sql"), ("opportunity", "won")):
        code = f"{MILESTONE_CODES[Milestone(entered)]}>{MILESTONE_CODES[Milestone(reached)]}"
        assert sum(shard.day(day).get(code, 0) for day in days) == converted(history, entered, reached)[0]
        within = sum(shard.day(day).get(f"{code}1", 0) for day in days)
        assert within == converted(history, entered, reached, DAY)[0]


calls = st.lists(
    st.tuples(st.sampled_from(LEADS), st.integers(0, 9), st.sampled_from(["x@f", "y@f", None])), max_size=14
)


@given(made=calls, first=st.integers(0, 9), length=st.integers(1, 9), data=st.data())
@settings(max_examples=300)
def test_distinct_people_are_exact_over_any_days(
    made: Sequence[tuple[str, int, str | None]], first: int, length: int, data: st.DataObject
) -> None:
    """The pairs of day and gap give, for any range of days and any owner, how many people were called in it."""
    teller = Teller()
    for number, (lead, day, owner) in enumerate(made):
        teller.did(lead, f"x:{number}", START + day * DAY, by=owner)
    shard = folded([[each] for each in data.draw(st.permutations(facts_of(teller.told)))])
    start = CALENDAR.day_of(START) + first
    owner = data.draw(st.sampled_from([None, "x@f", "y@f"]))
    segment = "" if owner is None else f":owner={owner}"

    counted = 0
    for (name, field), count in shard.counters.items():
        for day in range(start, start + length):
            if name == f"s:{RULES.generation}:d{day}{segment}" and field.startswith("c~"):
                gap = int(field.removeprefix("c~"))
                counted += count if gap == 0 or day - gap < start else 0

    days = [date.fromordinal(start + step).isoformat() for step in range(length)]
    told = [each for each in teller.told if owner is None or getattr(each.data, "owner", None) == owner]
    assert counted == people_called(told, days)


@given(history=histories(), data=st.data())
@settings(max_examples=100)
def test_the_parts_that_facts_touch_are_all_that_changes(
    history: Sequence[LifecycleFact], data: st.DataObject
) -> None:
    """Counting only the parts that a batch touches moves the counters exactly as counting everything does."""
    facts = [fact for lead_id, fact in facts_of(history) if lead_id == LEADS[0]]
    cut = data.draw(st.integers(0, len(facts)))
    lead = KpiLead(LEADS[0])
    for fact in facts[:cut]:
        take(lead, fact)
    parts = parts_of(lead, facts[cut:])
    moved, moved_whole = Sums(), Sums()
    for sums, which in ((moved, parts), (moved_whole, WHOLE)):
        COUNTING.add(sums, lead, which, sign=-1)
    for fact in facts[cut:]:
        take(lead, fact)
    for sums, which in ((moved, parts), (moved_whole, WHOLE)):
        COUNTING.add(sums, lead, which)

    def changes(sums: Sums) -> Mapping[object, int]:
        held = {
            "known": sums.known,
            "tallies": sums.tallies,
            "cohorts": sums.cohorts,
            "spreads": sums.spreads,
        }
        return {(kind, what): by for kind, amounts in held.items() for what, by in amounts.items() if by}

    assert changes(moved) == changes(moved_whole)


@given(history=histories())
@settings(max_examples=50)
def test_a_lead_that_is_gone_takes_all_it_counted_with_it(history: Sequence[LifecycleFact]) -> None:
    """After a merge or an erasure nothing of the lead is left in any counter, whatever still comes."""
    facts = facts_of(history)
    gone = [(lead_id, LeadGone(order=1)) for lead_id in LEADS]
    assert not folded([facts, gone]).counters
    assert not folded([gone, facts]).counters


@given(history=histories())
@settings(max_examples=50)
def test_segments_add_up_to_the_whole(history: Sequence[LifecycleFact]) -> None:
    """Each dimension shares out all that was counted, what has no value included."""
    shard = folded([facts_of(history)])
    for (name, field), count in shard.counters.items():
        if name.startswith("n:") and ":" not in field:
            for dimension in RULES.dimensions:
                head = f"{field}:{dimension}="
                parts = [
                    n for (key, part), n in shard.counters.items() if key == name and part.startswith(head)
                ]
                assert sum(parts) == count


def test_other_rules_count_under_other_names() -> None:
    """What was counted by other rules is never added to."""
    assert replace(RULES, teams={}).generation != RULES.generation
    assert replace(RULES, keep_minutes_ms=1).generation == RULES.generation
