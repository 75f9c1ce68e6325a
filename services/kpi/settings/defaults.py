"""The promises that hold where the file says nothing of promises."""

from typing import Final

from services.kpi.domain.sla.policy import Escalation, Policy, Target, Warn

_HOUR_MS: Final = 3_600_000

PROMISES: Final = (
    Policy(
        name="mql-response",
        starts=("mql",),
        stops=("first_response", "sql", "appointment", "opportunity"),
        cancels=("lost", "recycled"),
        targets=(Target(budget_ms=24 * _HOUR_MS),),
        warnings=(Warn(share=0.75),),
        escalations=(Escalation(notify=("team-lead",), after_ms=4 * _HOUR_MS),),
    ),
    Policy(
        name="sql-meeting",
        starts=("sql",),
        stops=("appointment", "opportunity"),
        cancels=("lost", "recycled"),
        targets=(Target(budget_ms=48 * _HOUR_MS),),
        warnings=(Warn(share=0.75),),
        escalations=(Escalation(notify=("team-lead",), after_ms=8 * _HOUR_MS),),
    ),
)
"""Inside sales answers an MQL within 24 hours; field sales sets the meeting with an SQL within 48."""

LABELS: Final = {
    "mql-response": {"ja": "MQL対応", "en": "first response to the MQL"},
    "sql-meeting": {"ja": "SQLのアポ設定", "en": "meeting with the SQL"},
}
"""What people read, by language."""
