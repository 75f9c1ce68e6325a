"""What a history must have led to: its milestones at its own times, worked out without the service."""

from collections.abc import Iterable

from services.cli.rehearse.history import Deed, PersonMade
from services.sync.domain.fold import Folder
from services.sync.domain.lead import Lead
from services.sync.domain.lifecycle import trace
from services.sync.domain.records import FieldChange, Kind, Observation, RecordRef, Scalar, Side
from services.sync.domain.rules import Milestone, Rules

Times = dict[Milestone, dict[str, int]]


def expected_times(deeds: Iterable[Deed], rules: Rules) -> Times:
    """Return for each milestone: e-mail address → when it must have been reached, epoch ms."""
    found: Times = {}
    emails: dict[str, str] = {}
    for deed in deeds:
        if isinstance(deed, PersonMade):
            email = emails[deed.lead] = deed.fields.get("email", "")
            if qualifies(deed, rules):
                found.setdefault(Milestone.MQL, {})[email] = deed.at
        else:
            times = found.setdefault(deed.milestone, {})
            email = emails[deed.lead]
            times[email] = min(deed.at, times.get(email, deed.at))
    return found


def qualifies(deed: PersonMade, rules: Rules) -> bool:
    """Return whether the person's score is over the threshold from the start."""
    values: dict[str, Scalar] = {**deed.fields, **deed.values, **deed.counters}
    seen = Observation(
        ref=RecordRef("history", "person", deed.lead),
        kind=Kind.LEAD,
        observed_at=deed.at,
        created_at=deed.at,
        fields=tuple(FieldChange(name, value, deed.at) for name, value in values.items()),
    )
    lead = Lead(deed.lead)
    Folder(rules).observe(lead, Side.MA, seen)
    return trace(lead, rules).reached(Milestone.MQL) is not None
