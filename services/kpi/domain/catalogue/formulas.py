"""Formulas over milestones."""

from services.kpi.domain.counters import MILESTONE_CODES
from services.kpi.domain.facts import Milestone
from services.kpi.domain.metric import Counted, Share


def reached(milestone: Milestone) -> Counted:
    """Return how often *milestone* was reached."""
    return Counted((MILESTONE_CODES[milestone],))


def share(entered: Milestone, got_to: Milestone) -> Share:
    """Return the share of those that reached *entered* that got on to *got_to*."""
    return Share(reached(got_to), reached(entered), (entered, got_to))
