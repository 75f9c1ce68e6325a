"""What the records say that sales gets with a handoff or an alert: tasks and opportunities."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.sync.domain.assignment import assigned
from services.sync.domain.lead import Lead, field_key
from services.sync.domain.lifecycle import Lifecycle, origin_of
from services.sync.domain.owners import as_on
from services.sync.domain.produced import current
from services.sync.domain.records import Scalar, Side
from services.sync.domain.register import is_blank
from services.sync.domain.rules import Job, Milestone, Origin, Rules
from services.sync.domain.score_words import reason_lines
from services.sync.domain.tasks import AskedTask


def task_fields(lead: Lead, life: Lifecycle, rules: Rules) -> dict[str, Scalar]:
    """Return what the task of an MQL says."""
    qualified_at = life.milestones[life.cycle, Milestone.MQL]
    return {
        "subject": rules.handoffs.task_subject.format_map(_words(lead, life)),
        "type": "task",
        "owner": owner_of(lead, life, rules),
        "due_on": _day(qualified_at + rules.handoffs.task_due_hours * 3_600_000, rules),
        "body": "\n".join(reason_lines(life, rules)),
    }


def opportunity_fields(lead: Lead, life: Lifecycle, rules: Rules) -> dict[str, Scalar]:
    """Return what the opportunity of an SQL says when it is made."""
    judged_at = life.milestones[life.cycle, Milestone.SQL]
    return {
        "name": rules.handoffs.opportunity_name.format_map(_words(lead, life)),
        "stage": rules.handoffs.opportunity_stage,
        "owner": assigned(lead, Job.FIELD_SALES, rules, judged_at),
        "close_on": _day(judged_at + rules.handoffs.opportunity_close_days * 86_400_000, rules),
    }


def alert_task_fields(
    lead: Lead, life: Lifecycle, rules: Rules, slot: str, task: AskedTask
) -> dict[str, Scalar]:
    """Return what the task says; whom the sales tool doesn't know as a user has it done by the lead's owner."""
    unknown = field_key(Side.SFA, slot, "owner") in lead.refused
    owner = task.owner if task.owner and not unknown else owner_of(lead, life, rules)
    return {
        "subject": task.subject,
        "type": "task",
        "owner": owner,
        "due_on": _day(task.due_at, rules),
        "body": task.body,
    }


def owner_of(lead: Lead, life: Lifecycle, rules: Rules) -> Scalar:
    """Return who works the lead, as sales knows them: sales' owner, else marketing's, else whom it falls to."""
    ours = lead.seen("owner", Side.SFA).overtaken
    theirs = lead.seen("owner", Side.MA).there if is_blank(ours) else ours
    if is_blank(ours) and rules.owners:
        theirs = as_on(Side.SFA, theirs, rules)
    return theirs or inside_sales(lead, life, rules)


def inside_sales(lead: Lead, life: Lifecycle, rules: Rules) -> str | None:
    """Return who of inside sales gets the lead, as things were when it qualified."""
    job = Job.BDR if origin_of(lead, rules) is Origin.BDR else Job.SDR
    return assigned(lead, job, rules, life.reached(Milestone.MQL))


def _words(lead: Lead, life: Lifecycle) -> dict[str, str]:
    first, last = (current(lead, name, Side.SFA) for name in ("first_name", "last_name"))
    names = [str(each) for each in (last, first) if each]
    return {
        "company": str(current(lead, "company", Side.SFA) or ""),
        "name": " ".join(names) or str(current(lead, "email", Side.SFA) or ""),
        "score": str(life.score),
    }


def _day(instant: int, rules: Rules) -> str:
    """Return the firm's calendar day of *instant*."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=instant)
    return moment.astimezone(ZoneInfo(rules.time_zone)).date().isoformat()
