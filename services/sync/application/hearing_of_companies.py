"""A lead hears what the company that it works for is by now."""

from schemas.lead import CompanyTold
from services.sync.domain.lead import Employer, Lead


def hear(lead: Lead, told: CompanyTold) -> bool:
    """Take what a company tells into *lead*; return whether it was for it: it may work for another one by now."""
    names = {told.company_id, *told.names}
    for side, each in lead.employments.items():
        if told.record is not None and each.record == told.record and each.company in names:
            lead.employments[side] = each._replace(company=told.moved_to or "")
    was = lead.employer
    if was is None or was.id not in names:
        return False
    lead.employer = Employer(
        told.company_id, was.joined_at, heard=True, names=frozenset(told.names), values=dict(told.values)
    )
    return True
