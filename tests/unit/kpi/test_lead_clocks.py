"""What is kept of a lead's clocks, and what an evaluation makes of it."""

from itertools import permutations

from services.kpi.adapters.clock_codec import decode_clocks, encode_clocks
from services.kpi.consumers.alerts import alert
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.contribution import Segments, Tally
from services.kpi.domain.facts import NOT, ActivityTold, Fact, Milestone, MilestoneTold, Standing
from services.kpi.domain.lead import KpiLead, take
from services.kpi.domain.lead_clocks import ClockState, concerned, evaluate, note_traits
from services.kpi.domain.sla.policy import Policy, Target
from services.kpi.domain.sla.rulebook import BookEra, Rulebook
from tests.kpi_facts import HOUR, MINUTE, START

HOT = Policy(
    name="response",
    starts=("mql",),
    stops=("first_response", "activity:call"),
    targets=(
        Target(budget_ms=30 * MINUTE, when={"temperature": ("hot",)}),
        Target(budget_ms=24 * HOUR),
    ),
)
RULES = ClockRules.of([BookEra(0, 0, "first", Rulebook.of([HOT]))])
WHO = Standing("sdr", "sato", (("temperature", "hot"),))


def whole(_standing: Standing) -> Segments:
    """Count in the whole only."""
    return ("",)


def mql(at: int = START, order: int = 1) -> MilestoneTold:
    """Tell that the lead qualified."""
    return MilestoneTold(order, WHO, 1, Milestone.MQL, at)


def lead_of(*told: Fact) -> KpiLead:
    """Return a lead of whom all of *told* is known."""
    lead = KpiLead("ann")
    for each in told:
        take(lead, each)
    return lead


def test_a_hot_lead_is_held_to_its_own_budget() -> None:
    """Traits come from the standing, as from when they were told."""
    lead, state = lead_of(mql()), ClockState()
    assert note_traits(state, lead, RULES.traits, START)
    assert not note_traits(state, lead, RULES.traits, START + 5)
    found = evaluate(lead, state, RULES, START, generation="g", segments=whole)
    assert found.timers == {(1, "response"): START + 30 * MINUTE}
    assert found.tells == []


def test_any_order_of_arrival_ends_in_the_same_verdict() -> None:
    """The breach that was told in between is retracted, and its verdict moves."""
    call = ActivityTold(2, WHO, "sf:Task:1", START + MINUTE, "call")
    gone = ActivityTold(3, WHO, "sf:Task:1", NOT)
    for order in permutations([mql(), call, gone]):
        lead, state = KpiLead("ann"), ClockState()
        standing: dict[object, int] = {}
        for each in order:
            take(lead, each)
            note_traits(state, lead, RULES.traits, START)
            found = evaluate(lead, state, RULES, START + HOUR, generation="g", segments=whole)
            for what, amount in found.after.items():
                standing[what] = standing.get(what, 0) + amount
            for what, amount in found.before.items():
                standing[what] = standing.get(what, 0) - amount
        due_minute = (START + 30 * MINUTE) // MINUTE
        assert {what: amount for what, amount in standing.items() if amount} == {
            Tally("sd", due_minute, ("",)): 1
        }


def test_an_evaluation_repeated_tells_nothing_new_and_the_bytes_hold_it_all() -> None:
    """State, codec and telling agree; a clock that went back takes nothing back."""
    lead, state = lead_of(mql()), ClockState(cycles={2: (7, START + HOUR * 90)})
    note_traits(state, lead, RULES.traits, START)
    first = evaluate(lead, state, RULES, START + HOUR, generation="g", segments=whole)
    assert [tell.step for _, tell in first.tells] == ["breach"]
    read = decode_clocks(encode_clocks(state))
    assert read == state
    again = evaluate(lead, read, RULES, START, generation="g", segments=whole)
    assert again.tells == []
    assert again.before == again.after


def test_an_alert_told_twice_has_one_id() -> None:
    """The id names lead, cycle, policy, round, step and times."""
    lead, state = lead_of(mql()), ClockState()
    note_traits(state, lead, RULES.traits, START)
    ((which, tell),) = evaluate(lead, state, RULES, START + HOUR, generation="g", segments=whole).tells
    values = [alert(lead, which, tell, START + ms).record.value or b"" for ms in (HOUR, 2 * HOUR)]
    assert all(b'"id":"ann/1/response/1/breach/1"' in each for each in values)
    assert b'"late_ms":5400000' in values[1]


def test_only_facts_that_a_policy_names_concern_a_clock() -> None:
    """What takes an activity back concerns it, for its type may not be told."""
    assert concerned([mql()], RULES)
    assert not concerned([ActivityTold(2, WHO, "k", START, "note")], RULES)
    assert concerned([ActivityTold(2, WHO, "k", NOT)], RULES)


def test_a_promise_that_never_was_any_more_leaves_no_timer() -> None:
    """Where a change reaches back, its clocks are gone, and so is what they would have told."""
    lead, state = lead_of(mql()), ClockState()
    evaluate(lead, state, RULES, START, generation="g", segments=whole)
    gone = ClockRules.of(
        [BookEra(0, 0, "first", Rulebook.of([HOT])), BookEra(0, START + 1, "second", Rulebook())]
    )
    found = evaluate(lead, state, gone, START + 1, generation="g", segments=whole, before=RULES)
    assert found.timers == {(1, "response"): None}
    ((which, move),) = found.moves
    assert (which, move.shift, move.because) == ((1, "response"), "ended", "policy-removed")
