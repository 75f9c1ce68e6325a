"""
The law of what is behind a number: the facts listed are as many as the number says, for each metric of the catalogue.

Whatever was told late, corrected, taken back, or is of a lead that is gone; in any window, segment and reading.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.lifecycle import LifecycleFact
from services.kpi.adapters.clock_codec import decode_clocks, encode_clocks
from services.kpi.adapters.lead_codec import decode, encode
from services.kpi.application.behind import Backing, Part
from services.kpi.application.lead_store import Counts, KnownLead, Leads, Queue, Queued, Span, Standing
from services.kpi.application.ports import Counters, Wanted
from services.kpi.application.reading import Ask, Reading, Readings
from services.kpi.domain.catalogue import METRICS
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.facts import Fact, LeadGone
from services.kpi.domain.increments import Increments
from services.kpi.domain.lead import KpiLead, parts_of, take
from services.kpi.domain.lead_clocks import ClockState, counted_days, evaluate, note_traits
from services.kpi.domain.lead_index import VERDICT, Entry, entries, moved, touched
from services.kpi.domain.metric import Money, People, Share
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rulebook import BookEra, Rulebook
from services.kpi.domain.windows import Range
from tests.kpi_facts import DAY, HOUR, MINUTE, START
from tests.laws.test_counts import CALENDAR, COUNTING, LEADS, RULES, facts_of, histories

PROMISES = ClockRules.of(
    [
        BookEra(
            0,
            0,
            "",
            Rulebook.of(
                [
                    Policy(
                        name="response",
                        starts=("mql",),
                        stops=("first_response",),
                        targets=(Target(budget_ms=9 * HOUR),),
                    )
                ]
            ),
        )
    ]
)
NOW = START + 41 * 7 * HOUR


class Kept:
    """Leads, their index, their promises and the counters in memory, moved as the consumer moves them: both ports."""

    def __init__(self) -> None:
        self.counters: Counter[tuple[str, str]] = Counter()
        self.index: set[tuple[Entry, str]] = set()
        self.blobs: dict[str, tuple[bytes, bytes]] = {}

    def fold(self, facts: Sequence[tuple[str, Fact]]) -> None:
        """Take a batch."""
        increments = Increments(RULES, CALENDAR, now=NOW)
        for lead_id in dict.fromkeys(lead_id for lead_id, _ in facts):
            told = [fact for whose, fact in facts if whose == lead_id]
            lead, state = self._loaded(lead_id)
            before, parts = touched(lead, told), parts_of(lead, told)
            COUNTING.add(increments.sums, lead, parts, sign=-1)
            for fact in told:
                take(lead, fact)
            COUNTING.add(increments.sums, lead, parts)
            gained, lost = moved(lead, before, touched(lead, told))
            stood = counted_days(state)
            note_traits(state, lead, (), NOW)
            found = evaluate(
                lead, state, PROMISES, NOW, generation=RULES.generation, segments=COUNTING.segments
            )
            increments.change(found.before, found.after)
            self.index -= {(each, lead_id) for each in lost} | {((VERDICT, day), lead_id) for day in stood}
            self.index |= {(each, lead_id) for each in gained}
            self.index |= {((VERDICT, day), lead_id) for day in counted_days(state)}
            self.blobs[lead_id] = encode(lead, RULES.generation), encode_clocks(state)
        for name, fields in increments.gathered()[0].items():
            for field, amount in fields.items():
                self.counters[name, field] += amount

    def _loaded(self, lead_id: str) -> tuple[KpiLead, ClockState]:
        blobs = self.blobs.get(lead_id)
        return (
            (KpiLead(lead_id), ClockState())
            if blobs is None
            else (decode(lead_id, blobs[0])[0], decode_clocks(blobs[1]))
        )

    async def read(self, wanted: Wanted) -> Counters:
        """Return counters as the store would."""
        amounts: dict[str, dict[str, int]] = {}
        for (name, field), amount in self.counters.items():
            amounts.setdefault(name, {})[field] = amount
        return Counters(wanted.summed(amounts), amounts, {}, frozenset({RULES.generation}))

    async def versions(self) -> Mapping[int, int]:
        """Nobody asks."""
        return {}

    async def under(self, entries: Collection[Entry], *, most: int) -> Leads:
        """Return the leads under *entries*."""
        assert len(self.blobs) <= most
        ids = sorted({lead_id for each, lead_id in self.index if each in entries})
        known = [
            KnownLead(*decode(each, self.blobs[each][0]), decode_clocks(self.blobs[each][1])) for each in ids
        ]
        return Leads(known, {}, frozenset({RULES.generation}))

    async def lead(self, lead_id: str) -> tuple[KnownLead | None, Mapping[int, int]]:
        """Nobody asks."""
        raise NotImplementedError(lead_id)

    async def leads(self, lead_ids: Collection[str]) -> Mapping[str, KnownLead]:
        """Nobody asks."""
        raise NotImplementedError(lead_ids)

    async def counts(self, now: int, soon_at: int) -> Counts:
        """Nobody asks."""
        raise NotImplementedError

    async def standing(self, partition: int, now: int, soon_at: int, *, most: int) -> Standing:
        """Nobody asks."""
        raise NotImplementedError

    async def queue(self, over: Span, *, after: Queued | None = None, most: int) -> Queue:
        """Nobody asks."""
        raise NotImplementedError(over, after, most)


@st.composite
def folded(draw: st.DrawFn) -> Kept:
    """Give what any order, batches and repeats of a history with leads that may be gone end in."""
    facts: list[tuple[str, Fact]] = facts_of(draw(histories()))
    gone = draw(st.sampled_from([(), (), LEADS[:1]]))
    facts += [(lead_id, LeadGone(order=1)) for lead_id in gone]
    shuffled, size = draw(st.permutations(facts)), draw(st.integers(1, 6))
    kept = Kept()
    for at in range(0, len(shuffled), size):
        kept.fold(shuffled[at : at + size])
    return kept


SEGMENTS = (None, ("owner", "x@f"), ("owner", "y@f"), ("source", ""), ("team", "east"), ("role", "bdr"))
DAYS = st.integers(0, 12).map(lambda day: CALENDAR.day_start(CALENDAR.day_of(START) + day))


@given(kept=folded(), segment=st.sampled_from(SEGMENTS), first=DAYS, days=st.integers(1, 13), data=st.data())
@settings(max_examples=100)
def test_as_many_facts_are_listed_as_the_figure_says(
    kept: Kept, segment: tuple[str, str] | None, first: int, days: int, data: st.DataObject
) -> None:
    """For each metric, in both readings, over whole days, and over any minutes where it is counted by these."""
    over = Range(first, first + days * DAY)
    minutes = Range(START // MINUTE * MINUTE + data.draw(st.integers(0, 99)) * HOUR, over.to_at + DAY * 14)
    asyncio.run(_agree(kept, segment, (over, minutes)))


async def _agree(kept: Kept, segment: tuple[str, str] | None, windows: Sequence[Range]) -> None:
    readings = Readings(kept, RULES)
    backing = Backing(kept, readings)
    asks = [
        Ask(metric=name, range=window, reading=reading, segment=segment, within_days=within)
        for name in METRICS
        for reading, within in ((Reading.PERIOD, None), (Reading.COHORT, None), (Reading.COHORT, 1))
        for window in windows
    ]
    for ask, figure in zip(asks, (await readings.many(asks, now=NOW)).figures, strict=True):
        formula = METRICS[ask.metric].formula
        found = await backing.of(ask, Part.NUMERATOR, now=NOW)
        assert found.range == figure.range
        if isinstance(formula, Money):
            assert found.amount == figure.value
        else:
            assert len(found.found) == figure.numerator, ask
        if isinstance(formula, People):
            assert len({each.lead.id for each in found.found}) == figure.value
        if isinstance(formula, Share):
            entered = await backing.of(ask, Part.DENOMINATOR, now=NOW)
            assert len(entered.found) == figure.denominator, ask


@given(history=histories(), data=st.data())
@settings(max_examples=100)
def test_a_lead_is_found_under_what_is_known_of_it_and_nothing_else(
    history: Sequence[LifecycleFact], data: st.DataObject
) -> None:
    """The index is a function of the set of facts: order, batches and repeats make no difference."""
    kept = Kept()
    facts = facts_of(history)
    repeated = facts + data.draw(st.lists(st.sampled_from(facts), max_size=5) if facts else st.just([]))
    for fact in data.draw(st.permutations(repeated)):
        kept.fold([fact])
    expected = {
        (each, lead_id)
        for lead_id, (blob, _) in kept.blobs.items()
        for each in entries(decode(lead_id, blob)[0])
    }
    assert {(each, lead) for each, lead in kept.index if each[0] != VERDICT} == expected
