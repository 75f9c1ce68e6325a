"""Promises kept, and how long things take."""

from services.kpi.domain.counters import (
    FIRST_RESPONSE_TIME,
    REP_DELAY,
    SLA_DUE,
    SLA_MET,
    STAGES,
    SYSTEM_DELAY,
    stage_time,
)
from services.kpi.domain.facts import Milestone
from services.kpi.domain.metric import (
    Counted,
    Direction,
    Metric,
    Need,
    Share,
    Source,
    Spent,
    Unit,
)

_STAGE_NAMES = {
    Milestone.LEAD: ("リード", "Lead"),
    Milestone.MQL: ("MQL", "MQL"),
    Milestone.SQL: ("SQL", "SQL"),
    Milestone.APPOINTMENT: ("アポ", "Appointment"),
    Milestone.OPPORTUNITY: ("商談", "Opportunity"),
    Milestone.EFFECTIVE_OPPORTUNITY: ("有効商談", "Effective opportunity"),
}

TIMES = (
    Metric(
        name="sla_attainment",
        ja="SLA達成率",
        en="SLA attainment",
        definition="Share of handoffs that were taken up within the promised time.",
        definition_ja="引き渡しのうち、約束した時間内に対応された割合。",
        unit=Unit.RATE,
        formula=Share(Counted((SLA_MET,)), Counted((SLA_DUE,))),
        numerator="handoffs in time",
        denominator="handoffs answered or overdue",
        sdr=Need.MUST,
        bdr=Need.RECOMMENDED,
        source=Source.CLOCK,
    ),
    Metric(
        name="time_to_first_response",
        ja="初回対応までの時間",
        en="Time to first response",
        definition="Time from becoming an MQL to inside sales' first touch.",
        definition_ja="MQLになってから、インサイドセールスの初回対応までの時間。",
        unit=Unit.DURATION,
        formula=Spent(FIRST_RESPONSE_TIME),
        numerator="MQL → first response",
        sdr=Need.MUST,
        direction=Direction.DOWN,
    ),
    Metric(
        name="system_delay",
        ja="システムの遅れ",
        en="System delay",
        definition="Time from becoming an MQL to standing in the sales tool with an owner.",
        definition_ja="MQLになってから、SFAに担当者つきで登録されるまでの時間。",
        unit=Unit.DURATION,
        formula=Spent(SYSTEM_DELAY),
        numerator="MQL → offered",
        sdr=Need.AUXILIARY,
        direction=Direction.DOWN,
    ),
    Metric(
        name="rep_delay",
        ja="担当者の遅れ",
        en="Rep delay",
        definition="Time from standing in the sales tool to inside sales' first touch.",
        definition_ja="SFAに登録されてから、インサイドセールスの初回対応までの時間。",
        unit=Unit.DURATION,
        formula=Spent(REP_DELAY),
        numerator="offered → first response",
        sdr=Need.RECOMMENDED,
        direction=Direction.DOWN,
    ),
    *(
        Metric(
            name=f"time_in_{stage}",
            ja=f"{_STAGE_NAMES[stage][0]}の滞留時間",
            en=f"Time in stage: {_STAGE_NAMES[stage][1]}",
            definition=f"Time from reaching {_STAGE_NAMES[stage][1]} to whatever came next.",
            definition_ja=f"{_STAGE_NAMES[stage][0]}になってから、次の段階に移るまでの時間。",
            unit=Unit.DURATION,
            formula=Spent(stage_time(stage)),
            numerator=f"{_STAGE_NAMES[stage][1]} → next",
            sdr=Need.AUXILIARY,
            bdr=Need.AUXILIARY,
            direction=Direction.DOWN,
        )
        for stage in STAGES
    ),
)
