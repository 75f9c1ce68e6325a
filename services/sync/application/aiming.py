"""What dispatch sends for a record that a lead lacks: which record it is meant for, and what hangs on what."""

from services.sync.domain.desired import Missing
from services.sync.domain.lead import PERSON_SLOT, Lead
from services.sync.domain.records import RecordRef, Write


def write_of(lead: Lead, lack: Missing, parent: RecordRef | None) -> Write:
    """Return the write of what *lead* lacks; *parent* is its person's record on that side."""
    if lack.slot == PERSON_SLOT:
        email = lack.fields.get("email")
        ref = lead.person(lack.side)
        match = str(email) if ref is None and email else None
        return Write(
            lead_id=lead.id, slot=lack.slot, kind=lack.kind, fields=lack.fields, ref=ref, match_email=match
        )
    return Write(
        lead_id=lack.named or lead.id,
        slot=lack.slot,
        kind=lack.kind,
        fields=lack.fields,
        ref=lead.slots.get(lack.slot),
        parent=parent,
    )
