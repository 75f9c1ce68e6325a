"""
The two delays of a handoff: the system's (qualified → offered in the sales tool) and the rep's (offered → first
response).

They are two promises with a clock each, by different people. There is no sum of them anywhere: a rep isn't
measured by how long the tools took, and the tools not by a rep.
"""

from dataclasses import dataclass

from services.kpi.domain.sla.deadlines import WALL_CLOCK, Hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Each in the time that counts for it; None where its end, or its beginning, isn't known."""

    system_ms: int | None
    rep_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """
    The names of the facts of one handoff, for the policies of its two clocks.

    The MQL's are ``mql``, ``offered:mql``, ``first_response``; the SQL's begin with ``sql``.
    """

    qualified: str
    offered: str
    responded: str


MQL_HANDOFF = Handoff(qualified="mql", offered="offered:mql", responded="first_response")
SQL_HANDOFF = Handoff(qualified="sql", offered="offered:sql", responded="appointment")


def delays(
    qualified_at: int | None,
    offered_at: int | None,
    responded_at: int | None,
    rep_hours: Hours = WALL_CLOCK,
) -> Delays:
    """
    Return both delays; the system's on the wall clock, the rep's in *rep_hours*.

    A response before the offer is no delay of the rep: 0.
    """
    system_ms = rep_ms = None
    if qualified_at is not None and offered_at is not None:
        system_ms = WALL_CLOCK.between(qualified_at, offered_at)
    if offered_at is not None and responded_at is not None:
        rep_ms = rep_hours.between(offered_at, responded_at)
    return Delays(system_ms=system_ms, rep_ms=rep_ms)
