"""What changed scoring rules do to a lead: the lines of a preview. Pure; the lead given is spent by it."""

from enum import StrEnum
from typing import NamedTuple

from services.sync.domain.lead import NEVER, Lead
from services.sync.domain.lifecycle import trace
from services.sync.domain.records import Side
from services.sync.domain.register import is_blank
from services.sync.domain.rescoring import bring, is_outdated
from services.sync.domain.rules import Milestone, Rules
from services.sync.domain.scope import in_scope
from services.sync.domain.score_words import reason_lines


class Effect(StrEnum):
    """What the rules do to a lead."""

    GAINS = "gains"  # over the threshold and no MQL yet: to be handed over
    BELOW = "below"  # an MQL that is under the threshold now; it stays one
    SCORE = "score"  # another score, nothing else
    SAME = "same"


class ScoreLine(NamedTuple):
    """One lead: its score as it was told and by the rules in the file, and why."""

    lead_id: str
    email: str
    effect: Effect
    old: int
    new: int
    is_mql: bool
    reasons: str


def score_line(lead: Lead, rules: Rules, now: int) -> ScoreLine | None:
    """Return what *rules* do to *lead* as of *now*, epoch ms; None for one that isn't scored any more."""
    if lead.merged_into or lead.erased_at != NEVER:
        return None
    old, outdated = lead.told.score, is_outdated(lead, rules)
    bring(lead, rules)
    lead.as_of = max(lead.as_of, now)
    life = trace(lead, rules)
    scoped = not rules.scope or in_scope(lead, rules)
    is_mql = not life.closed and life.reached(Milestone.MQL) is not None
    if life.held and scoped:
        effect = Effect.GAINS
    elif outdated and is_mql and life.score < rules.scoring.threshold:
        effect = Effect.BELOW
    else:
        effect = Effect.SAME if life.score == old else Effect.SCORE
    words = "; ".join(reason_lines(life, rules, now))
    return ScoreLine(lead.id, _email(lead), effect, old, life.score, is_mql, words)


def _email(lead: Lead) -> str:
    there = lead.seen("email", Side.MA).there
    return str((lead.seen("email", Side.SFA).there if is_blank(there) else there) or "")
