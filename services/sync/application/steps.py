"""What became of a lead, or a company, with one change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from schemas.lead import LeadChange
from services.sync.application.decide import Decided
from services.sync.domain.lead import Lead

Sent: TypeAlias = tuple[str, LeadChange]
"""A change and the lead, or company, that it is for."""


@dataclass(frozen=True, slots=True)
class Step:
    """
    What became of a lead with one change, what came of it (None: nothing), and what is told to leads.

    Of an erased person: under the record keys `retired` nothing personal is told any more, and what was told under
    `shredded` is for nobody any more.
    """

    lead: Lead
    decided: Decided | None = None
    sent: Sequence[Sent] = ()
    retired: Sequence[str] = ()
    shredded: Sequence[str] = ()
