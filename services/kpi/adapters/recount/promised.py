"""Which of the firm's promises the recount can judge by itself."""

from services.kpi.adapters.recount.plain.promises import Promise, Promises
from services.kpi.domain.clock_rules import ClockRules
from services.kpi.domain.sla.facts import Era


def promises_of(rules: ClockRules | None) -> Promises:
    """
    Return the promises that SQL can judge: one era, one target for all leads, no pauses, resets, reopenings.

    Deadlines come from the calendars themselves (business time is counted in one place only, see ADR 0013); when a
    clock starts, ends and how it counts is worked out in SQL.
    """
    found: list[Promise] = []
    left_out: dict[str, str] = {}
    if rules is None:
        return Promises()
    for name, eras in rules.eras.items():
        reason = _hindrance(eras)
        if reason:
            left_out[name] = reason
        else:
            found.append(_promise(name, eras[0]))
    return Promises(tuple(found), left_out)


def _hindrance(eras: tuple[Era, ...]) -> str:
    if len(eras) != 1 or eras[0].terms is None:
        return "its rules changed"
    policy = eras[0].terms.policy
    if len(policy.targets) != 1 or policy.targets[0].when:
        return "its budget depends on the lead"
    for what in ("pauses", "resets", "reopens"):
        if getattr(policy, what):
            return f"it has {what}"
    if any(each.startswith(("activity:", "*", "a*")) for each in policy.starts):
        return "an activity starts it"
    return ""


def _promise(name: str, era: Era) -> Promise:
    terms = era.terms
    if terms is None:
        raise ValueError(f"{name} has no terms")
    target = terms.policy.targets[0]
    hours = terms.hours(target)
    return Promise(
        name=name,
        starts=terms.policy.starts,
        stops=terms.policy.stops,
        cancels=terms.policy.cancels,
        from_at=era.from_at,
        deadline_of=lambda start_at: hours.after(start_at, target.budget_ms),
    )
