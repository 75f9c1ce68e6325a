"""
The law of forgetting: what can still be read of an erased lead makes it what it is.

A lead is seen, erased and seen again, at any position of any history. When its keys are destroyed all that was sealed with
them is gone; who then begins with nothing and reads what is left ends with the same bytes.
"""

from collections import deque

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.lead import LEAD_CHANGE, LeadChange
from services.sync.adapters.lead_codec import decode, encode
from services.sync.application.decide import Decide
from services.sync.application.moving import Moving
from services.sync.consumers.bare import BareChanges
from services.sync.consumers.emissions import emission
from services.sync.domain.lead import NEVER, Lead
from tests import firm
from tests.laws.test_order import activities, deals, persons

END = firm.observed("ma", [], deleted=True, erased=True)
observations = st.lists(st.one_of(persons(), deals(), activities()), max_size=6)


class Shredded:
    """One lead's partition: `log` holds its changes, and whether each is sealed."""

    def __init__(self) -> None:
        self._moving = Moving(Decide(firm.rules()), encode, decode)
        self._bare = BareChanges(firm.rules(), encode, decode)
        self._waiting = deque[LeadChange]()
        self._retired = False
        self.log: list[tuple[LeadChange, bool]] = []
        self.laps = 0
        self.lead = encode(Lead(firm.LEAD_ID))

    def append(self, event: LeadChange) -> None:
        """Append *event* as the sealed log does."""
        sealed = not emission("t", "k", event, 1).record.headers
        if sealed and self._retired:
            bare = self._bare(event.model_dump_json().encode())
            event, sealed = LEAD_CHANGE.validate_json(bare or b""), False
        self.log.append((event, sealed))
        self._waiting.append(event)

    def go_on(self) -> bool:
        """Take the next change; return whether there was one."""
        if not self._waiting:
            return False
        event = self._waiting.popleft()
        step = self._moving.take(decode(firm.LEAD_ID, self.lead), event, f"1-{len(self.log)}")
        self.lead = encode(step.lead)
        self._retired = self._retired or bool(step.retired)
        for _, sent in step.sent:
            self.laps += 1
            self.append(sent)
        if firm.LEAD_ID in step.shredded:
            self.log = [each for each in self.log if not each[1]]
        return True

    def again(self) -> bytes:
        """Return the lead as all that can be read makes it."""
        lead = Lead(firm.LEAD_ID)
        for place, (event, sealed) in enumerate(self.log):
            assert not sealed
            lead = self._moving.take(lead, event, f"2-{place}").lead
        return encode(lead)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=persons(), before=observations, between=observations, after=observations, read_first=st.booleans()
)
def test_what_is_left_of_an_erased_lead_makes_it_what_it_is(
    first: LeadChange,
    before: list[LeadChange],
    between: list[LeadChange],
    after: list[LeadChange],
    *,
    read_first: bool,
) -> None:
    """Also with what was appended before anybody knew of the erasure, and with what comes after it."""
    shard = Shredded()
    for each in (first, *before, END, *between):
        shard.append(each)
    while read_first and shard.go_on():
        pass
    for each in after:
        shard.append(each)
        shard.go_on()
    while shard.go_on():
        pass

    assert shard.laps <= 2 + len(between) + len(after)
    assert decode(firm.LEAD_ID, shard.lead).erased_at != NEVER
    assert shard.again() == shard.lead
