"""
The law of uniting: leads that turn out to be one end as one lead that was one from the start.

Each lead has a partition of its own, whose changes are taken in their order. Which partition goes on next is left to
chance, so merges come at any position of any history, cross each other, form chains, and are told more than once.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.lead import LeadChange, LeadMergedInto, LeadObserved, MergedInto
from schemas.lifecycle import LIFECYCLE_FACT, LeadErased, LifecycleFact
from services.sync.adapters.lead_codec import decode, encode
from services.sync.application.decide import Decide
from services.sync.application.identify import new_lead_id
from services.sync.application.moving import Moving
from services.sync.domain.desired import Missing
from services.sync.domain.lead import Lead
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import Register
from services.sync.domain.rules import Milestone
from services.sync.domain.uniting import staying
from tests import firm
from tests.laws.test_counts import Shard, facts_of
from tests.laws.test_order import activities, deals, persons

LEADS = tuple(sorted(new_lead_id(f"email:{name}@x.jp", firm.START) for name in "abcd"))
REF = {"system": "hubspot", "object": "contact", "id": "1"}
Saying: TypeAlias = tuple[Scalar, int, bool, bool]
pairs = st.tuples(st.sampled_from(LEADS), st.sampled_from(LEADS)).filter(lambda pair: pair[0] != pair[1])


def merged(one: str, other: str, at: int = firm.START + 20_000) -> LeadMergedInto:
    """Return that two leads turned out to be one, as it is told to the one that goes."""
    stays, goes = staying(one, other)
    data = MergedInto.model_validate(
        {"into": stays, "side": "ma", "ref": REF, "moved_to": REF, "noticed_at": at}
    )
    return LeadMergedInto(id="m", source="/t", subject=goes, time="2026-09-21T00:00:00.000Z", data=data)


def told_to(lead_id: str, seen: LeadObserved) -> LeadObserved:
    """Return *seen* of the lead *lead_id*, whose id stands on what was our own."""
    own = seen.data.external_id
    data = seen.data.model_copy(update={"external_id": own and own.replace(firm.LEAD_ID, lead_id)})
    return seen.model_copy(update={"subject": lead_id, "data": data})


@dataclass
class Log:
    """A partition for each lead, and what is told; `again`: what one shard told another comes twice."""

    again: bool = False
    leads: dict[str, bytes] = field(default_factory=dict[str, bytes])
    waiting: dict[str, deque[LeadChange]] = field(default_factory=lambda: {each: deque() for each in LEADS})
    facts: list[LifecycleFact] = field(default_factory=list[LifecycleFact])
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self._moving = Moving(Decide(firm.rules()), encode, decode)

    def append(self, events: Sequence[LeadChange]) -> None:
        """Append *events*, each to its lead's partition."""
        for each in events:
            self.waiting[each.subject].append(each)

    def go_on(self, lead_id: str) -> None:
        """Take the next change of a partition."""
        event = self.waiting[lead_id].popleft()
        blob = self.leads.get(lead_id)
        lead = Lead(lead_id) if blob is None else decode(lead_id, blob)
        step = self._moving.take(lead, event, f"{LEADS.index(lead_id)}-{next(self.numbers)}")
        self.leads[lead_id] = encode(step.lead)
        for key, sent in step.sent:
            self.append([sent, sent] if self.again else [sent])
            assert key == sent.subject
        if step.decided is not None:
            self.facts += [firm.as_published(each, LIFECYCLE_FACT) for each in step.decided.facts]

    def ready(self) -> list[str]:
        """Return the leads that have something to take."""
        return [each for each in LEADS if self.waiting[each]]

    def lead(self, lead_id: str) -> Lead:
        """Return a lead as it stands, without who it was before."""
        lead = decode(lead_id, self.leads.get(lead_id, encode(Lead(lead_id))))
        lead.taken_over = {}
        return lead

    def lacks(self, lead_id: str) -> dict[Side, list[Missing]]:
        """Return what each side lacks of a lead."""
        decide = Decide(firm.rules())
        return {side: decide.lacks(self.lead(lead_id), side) for side in Side}


def groups(pairs_told: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the leads that are one, by the one that stays."""
    home = {each: each for each in LEADS}
    for one, other in pairs_told:
        stays, goes = staying(home[one], home[other])
        home = {each: stays if there == goes else there for each, there in home.items()}
    return {stays: [each for each in LEADS if home[each] == stays] for stays in set(home.values())}


observations = st.one_of(persons(), persons(), deals(), activities())


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_leads_that_are_one_end_as_if_they_had_been_one_from_the_start(data: st.DataObject) -> None:
    """The same lead, told and untold, the same missing, the same counters; of those that went nothing counts."""
    seen = [
        told_to(data.draw(st.sampled_from(LEADS)), each)
        for each in data.draw(st.lists(observations, max_size=8))
    ]
    same = data.draw(st.lists(pairs, max_size=4))
    log = Log(again=data.draw(st.booleans()))
    log.append(data.draw(st.permutations([*seen, *(merged(*pair) for pair in same)])))
    while ready := log.ready():
        log.go_on(data.draw(st.sampled_from(ready)))

    plain = Log()
    for stays, leads in groups(same).items():
        known = Lead(stays, taken_over=dict.fromkeys((each for each in leads if each != stays), firm.START))
        plain.leads[stays] = encode(known)
        plain.append([each.model_copy(update={"subject": stays}) for each in seen if each.subject in leads])
        while plain.waiting[stays]:
            plain.go_on(stays)
        assert encode(log.lead(stays)) == encode(plain.lead(stays))
        assert log.lacks(stays) == plain.lacks(stays)
        for each in leads:
            assert each == stays or log.lead(each) == Lead(each, merged_into=log.lead(each).merged_into)
    assert counted(log) == counted(plain)


def counted(log: Log) -> dict[tuple[str, str], int]:
    """
    Return the counters of the KPIs after what *log* told, of the whole.

    Who a lead is (its segments) is told beside a fact, as it is then: that hangs on the order of what was seen.
    """
    shard = Shard()
    for each in facts_of(log.facts):
        shard.fold([each])
    return {key: counted for key, counted in shard.counters.items() if "=" not in "".join(key)}


@settings(max_examples=50)
@given(st.data())
def test_who_is_merged_into_an_erased_lead_is_erased_with_it(data: st.DataObject) -> None:
    """Nothing personal is left of either, at whichever position the merge comes; the erased one never goes."""
    seen = [
        told_to(data.draw(st.sampled_from(LEADS[:2])), each)
        for each in data.draw(st.lists(observations, max_size=5))
    ]
    end = firm.observed("ma", [], deleted=True, erased=True)
    log = Log()
    log.append(data.draw(st.permutations([*seen, told_to(LEADS[0], end), merged(LEADS[0], LEADS[1])])))
    while ready := log.ready():
        log.go_on(data.draw(st.sampled_from(ready)))

    lead = log.lead(LEADS[0])
    assert not {"last_name", "phone", "email", "company"} & lead.fields.keys()
    assert [type(each) for each in log.facts].count(LeadErased) == 1


sayings = st.lists(
    st.tuples(st.sampled_from([True, False, None, "A"]), st.integers(1, 9), st.booleans(), st.booleans()),
    max_size=9,
)


@settings(max_examples=250)
@given(one=sayings, other=sayings, consent=st.booleans(), later=sayings)
def test_joined_registers_are_one_that_saw_everything(
    one: list[Saying], other: list[Saying], later: list[Saying], *, consent: bool
) -> None:
    """Whatever either record's field saw, and whatever is seen of it after they were joined."""
    joined, whole = register(one, consent=consent), register([*one, *other, *later], consent=consent)
    for _ in range(2):  # what was taken over once may come again
        joined.join(register(other, consent=consent), consent=consent)
    see(joined, later, consent=consent)

    assert joined == whole


def register(seen: Sequence[Saying], *, consent: bool) -> Register:
    """Return a register that saw *seen*."""
    made = Register()
    see(made, seen, consent=consent)
    return made


def see(made: Register, seen: Sequence[Saying], *, consent: bool) -> None:
    """Let *made* see *seen*: values, when, whether our own, whether exact."""
    for value, at, own, exact in seen:
        if consent:
            made.observe_consent(value, at, own=own)
        else:
            made.observe(value, at, own=own, exact=exact)


def test_the_history_of_both_counts() -> None:
    """Forms that were filled in before the merge, on either record, make the score; the MQL is one, and earlier."""
    one, other = LEADS[0], LEADS[1]
    log = Log()
    changes = [firm.change("forms", 2, firm.START + 1_000), firm.change("job_title", "部長", firm.START)]
    title, forms = firm.observed("ma", changes[1:]), firm.observed("ma", changes[:1])
    log.append([told_to(one, title), told_to(other, forms), merged(one, other)])
    while ready := log.ready():
        log.go_on(ready[0])

    assert log.lead(one).told.score == 55
    assert log.lead(one).told.milestones[1, Milestone.MQL] == firm.START + 1_000
