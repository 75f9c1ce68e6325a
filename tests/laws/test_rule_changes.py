"""
The laws of changed promises: the end is a function of the facts and the eras, whatever came first.

Facts and changes in any order, and a recompute that is stopped between any two leads, end in the same clocks, marks,
timers and counts. What a change moved is told once for each clock.
"""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kpi.adapters.rulebook_codec import decode_eras, encode_eras, fingerprint
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.contribution import Segments
from services.kpi.domain.facts import ActivityTold, Fact, Milestone, MilestoneTold, Standing
from services.kpi.domain.lead import KpiLead, take
from services.kpi.domain.lead_clocks import ClockId, ClockState, Outcome, evaluate, note_traits
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rulebook import BookEra, Rulebook, next_era
from tests.unit.kpi.sla.worlds import HOUR, OFFICE, RESPONSE, at

LENIENT = replace(OFFICE, holidays=frozenset())
WHO = Standing("sdr", "sato", (("temperature", "hot"),))
OTHER = Policy(
    name="sql-response", starts=("sql",), stops=("appointment",), targets=(Target(budget_ms=3 * HOUR),)
)
LONGER = replace(RESPONSE, targets=(Target(budget_ms=9 * HOUR, calendar="office"),))
SHORTER = replace(RESPONSE, targets=(Target(budget_ms=HOUR),), pauses=(), escalations=())
BOOKS = [
    Rulebook.of([RESPONSE], {"office": OFFICE}),
    Rulebook.of([RESPONSE], {"office": LENIENT}),
    Rulebook.of([LONGER, OTHER], {"office": OFFICE}),
    Rulebook.of([SHORTER]),
    Rulebook.of([OTHER]),
    Rulebook(),
]
END = at(9_000)

instants = st.sampled_from([0, 10, 30, 60, 90, 120, 150, 300, 1_500]).map(at)
milestones = st.builds(
    MilestoneTold,
    st.integers(0, 9),
    st.just(WHO),
    st.just(1),
    st.sampled_from([Milestone.MQL, Milestone.FIRST_RESPONSE, Milestone.SQL, Milestone.APPOINTMENT]),
    instants,
)
deeds = st.builds(
    ActivityTold,
    st.integers(0, 9),
    st.just(WHO),
    st.sampled_from("ab"),
    instants,
    st.sampled_from(["call", "note"]),
)
histories = st.lists(st.one_of(milestones, milestones, deeds), max_size=6).map(
    lambda found: [MilestoneTold(0, WHO, 1, Milestone.MQL, at(0)), *found]
)
books = st.sampled_from(BOOKS)


def eras(first: Rulebook, then: Rulebook, change_at: int, *, reaching_back: bool = False) -> list[BookEra]:
    """Return the eras of a firm that changed its promises once, or tried to."""
    history = [BookEra(0, 0, fingerprint(first), first)]
    begun = next_era(history, then, fingerprint(then), now=change_at, first_at=0, reaching_back=reaching_back)
    return history if begun is None else [*history, begun]


def whole(_standing: Standing) -> Segments:
    """Count in the whole only."""
    return ("",)


class Kept:
    """A lead with its clocks and the counters, as a shard keeps them."""

    def __init__(self) -> None:
        self.lead, self.state = KpiLead("ann"), ClockState()
        self.counters: Counter[object] = Counter()
        self.timers: dict[ClockId, int | None] = {}
        self.found: list[Outcome] = []

    def bring(self, history: list[BookEra], now: int) -> None:
        """Bring the clocks up, as `ShardClocks.bring` does."""
        rules = ClockRules.of(history)
        older = 0 < self.state.era < rules.number
        before = ClockRules.of(history[: self.state.era]) if older else None
        note_traits(self.state, self.lead, rules.traits, now)
        found = evaluate(self.lead, self.state, rules, now, generation="g", segments=whole, before=before)
        self.counters.update(found.after)
        self.counters.subtract(found.before)
        self.timers |= found.timers
        self.found.append(found)

    @property
    def end(self) -> object:
        """What all orders must agree on."""
        last = self.found[-1]
        standing = {
            (which, step) for which, marks in self.state.marks.items() for step in marks if marks[step].stands
        }
        counts = {what: count for what, count in self.counters.items() if count}
        timers = {which: when for which, when in self.timers.items() if when is not None}
        clocks = {which: each for which, each in last.clocks.items() if each.rounds}
        return standing, counts, timers, clocks, self.state.counted


@settings(max_examples=120)
@given(histories, books, books, instants, st.data())
def test_the_order_of_facts_and_a_change_makes_no_difference(
    facts: list[Fact],
    first: Rulebook,
    then: Rulebook,
    change_at: int,
    data: st.DataObject,
) -> None:
    """A shard that knew of the change first, in between or last ends in the same state."""
    history = eras(first, then, change_at, reaching_back=data.draw(st.booleans()))
    straight = Kept()
    for fact in facts:
        take(straight.lead, fact)
    straight.bring(history, END)

    winding = Kept()
    place = data.draw(st.integers(0, len(facts)))
    times = sorted(data.draw(st.lists(instants, min_size=len(facts), max_size=len(facts))))
    for number, (fact, now) in enumerate(zip(data.draw(st.permutations(facts)), times, strict=True)):
        take(winding.lead, fact)
        known = history if number >= place else history[:1]
        winding.bring(known, max(now, known[-1].changed_at))
    winding.bring(history, END)
    winding.bring(history, END)

    assert winding.end == straight.end
    assert winding.found[-1].tells == winding.found[-1].moves == []


@settings(max_examples=40)
@given(st.lists(histories, min_size=1, max_size=4), books, books, instants, st.data())
def test_a_recompute_that_was_stopped_between_two_leads_ends_as_one_that_was_not(
    told: list[list[Fact]], first: Rulebook, then: Rulebook, change_at: int, data: st.DataObject
) -> None:
    """The next owner leaves alone what was done, and each move and alert is told once."""
    history = eras(first, then, change_at)
    ends: list[object] = []
    for stops in ([], data.draw(st.lists(st.integers(0, len(told)), max_size=3))):
        kept = [Kept() for _ in told]
        for each, facts in zip(kept, told, strict=True):
            for fact in facts:
                take(each.lead, fact)
            each.bring(history[:1], change_at)
            each.found.clear()
        for stop in [*stops, len(told)]:
            for each in kept[:stop]:
                if 0 < each.state.era < len(history):
                    each.bring(history, change_at)
        for each in kept:
            each.bring(history, END)
        ends.append([(each.end, [(found.moves, found.tells) for found in each.found]) for each in kept])
    assert ends[0] == ends[1]


@settings(max_examples=40)
@given(st.lists(books, min_size=1, max_size=5), st.lists(instants, min_size=5, max_size=5))
def test_eras_begin_where_the_promises_differ_and_come_back_from_their_bytes(
    given_books: list[Rulebook], times: list[int]
) -> None:
    """The same promises begin none; the bytes of equal eras are equal, and instants only grow."""
    history: list[BookEra] = []
    for book, now in zip(given_books, times, strict=False):
        begun = next_era(history, book, fingerprint(book), now=now, first_at=7, reaching_back=False)
        assert (begun is None) == (bool(history) and history[-1].book == book)
        history += [] if begun is None else [begun]
        assert next_era(history, book, fingerprint(book), now=now, first_at=7, reaching_back=False) is None
    assert [each.changed_at for each in history] == sorted({each.changed_at for each in history})
    read = decode_eras(encode_eras(history))
    assert list(read) == history
    assert encode_eras(read) == encode_eras(history)
    assert ClockRules.of(read) == ClockRules.of(history)
