"""
The codes of what is counted, as they stand in the store: short, and never given another meaning.

| code   | counts                                                          | in the bucket of                  |
|--------|-----------------------------------------------------------------|-----------------------------------|
| M      | a milestone reached, see MILESTONE_CODES; each cycle by itself   | the milestone                     |
| On, Oe | opportunities of new customers, of existing ones                | the opportunity                   |
| W$JPY  | money of won deals, minor units                                 | the milestone                     |
| M>S    | of those that reached M, those that reached S                   | M: the cohort's, not the result's |
| M>S30  | the same, within 30 days                                        | M                                 |
| c, m   | calls, mails; cc, cr, ce and mc: those that came so far         | the activity                      |
| sm, sd | rounds of clocks met in time; those met or overdue              | the end; the deadline, if overdue |
| #      | marks and activities known of a segment's value                 | all time                          |
| tM     | time spent in stage M                                           | its end                           |
| tf, ts, tr | time to first response, system delay, rep delay             | its end                           |

Cohorts, durations and distinct people are counted by days only, the rest by minutes and hours as well.
"""

from itertools import pairwise

from services.kpi.domain.facts import Milestone
from services.kpi.domain.rules import Sign

MILESTONE_CODES = {
    Milestone.LEAD: "L",
    Milestone.MQL: "M",
    Milestone.FIRST_RESPONSE: "F",
    Milestone.SQL: "S",
    Milestone.APPOINTMENT: "A",
    Milestone.OPPORTUNITY: "O",
    Milestone.EFFECTIVE_OPPORTUNITY: "E",
    Milestone.WON: "W",
    Milestone.LOST: "X",
    Milestone.RECYCLED: "R",
}
OPPORTUNITIES_NEW, OPPORTUNITIES_EXISTING = "On", "Oe"
CALL, MAIL = "c", "m"
SIGN_LETTERS = {Sign.CONNECTED: "c", Sign.CONTACT: "r", Sign.EFFECTIVE: "e"}
KNOWN = "#"
SLA_MET, SLA_DUE = "sm", "sd"
FIRST_RESPONSE_TIME, SYSTEM_DELAY, REP_DELAY = "tf", "ts", "tr"

DEED_CODES = {
    ("call", Sign.NONE): ("c",),
    ("call", Sign.CONNECTED): ("c", "cc"),
    ("call", Sign.CONTACT): ("c", "cc", "cr"),
    ("call", Sign.EFFECTIVE): ("c", "cc", "cr", "ce"),
    ("email", Sign.NONE): ("m",),
    ("email", Sign.CONNECTED): ("m", "mc"),
    ("email", Sign.CONTACT): ("m", "mc"),
    ("email", Sign.EFFECTIVE): ("m", "mc"),
}
"""Under which codes an activity counts, by its type and how far it came."""

STAGES = (
    Milestone.LEAD,
    Milestone.MQL,
    Milestone.SQL,
    Milestone.APPOINTMENT,
    Milestone.OPPORTUNITY,
    Milestone.EFFECTIVE_OPPORTUNITY,
)
"""Where a lead stays for a time, in the order of the funnel. A first response is an event within a stage."""

ENDS = (Milestone.WON, Milestone.LOST, Milestone.RECYCLED)

FUNNEL = (*STAGES, Milestone.WON)

PAIRS = tuple(
    dict.fromkeys(
        (
            *((before, after) for before, after in pairwise(FUNNEL)),
            (Milestone.MQL, Milestone.FIRST_RESPONSE),
            (Milestone.SQL, Milestone.OPPORTUNITY),
            (Milestone.OPPORTUNITY, Milestone.WON),
            (Milestone.LEAD, Milestone.OPPORTUNITY),
        )
    )
)
"""Of which cohorts it is counted what became of them: (entered, reached)."""

PEOPLE = {"M", "c", "cr"}
"""Of which codes the distinct people are counted as well: those that a metric asks for."""


COHORT_SIGN = ">"
"""In each cohort's code, and in no other."""


def cohort(entered: Milestone, reached: Milestone, days: int | None = None) -> str:
    """Return the code of those of a cohort that got on, within *days* or by now."""
    return f"{MILESTONE_CODES[entered]}{COHORT_SIGN}{MILESTONE_CODES[reached]}{days or ''}"


def stage_time(stage: Milestone) -> str:
    """Return the code of the time spent in *stage*."""
    return f"t{MILESTONE_CODES[stage]}"


def money(currency: str) -> str:
    """Return the code of the money of won deals."""
    return f"W${currency}"
