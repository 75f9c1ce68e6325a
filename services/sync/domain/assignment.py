"""
Who gets a lead: worked out from the lead and the rules alone, so that it is the same whenever it is asked.

There is no counter that turns: each of a team draws a number from the lead's id, and the highest gets it. That is as
even as a turn in the long run, needs nobody to agree with, and moves few leads when people come and go.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from math import log
from zoneinfo import ZoneInfo

from services.sync.domain.lead import Lead
from services.sync.domain.records import Side
from services.sync.domain.register import is_blank
from services.sync.domain.rules import Assignment, Job, Rules
from services.sync.domain.scope import meets

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_CHARS = len("00000000-0000-")
_DRAWS = 2**64


def assigned(lead: Lead, job: Job, rules: Rules, at: int | None) -> str | None:
    """
    Return who gets *lead* for *job*.

    The owner of the lead's account, where the rules name the field that holds them; else one of the first team of
    that job whose conditions the lead meets. Whoever is absent on the day gets none; who isn't at work at that
    minute only if nobody is. Where all are absent it is the fallback's, without one anybody's.

    Args:
        lead: As it is now.
        job: What for.
        rules: The firm's.
        at: When it fell due, epoch ms; None: nobody's absence counts.
    """
    owner = _account_owner(lead, rules.assignment)
    if owner is not None and job is not Job.FIELD_SALES:
        return owner
    people = _team(lead, job, rules)
    if at is None or not people:
        return share(lead.id, people, _weights(people, rules.assignment))
    present = _present(people, at, rules)
    if not present:
        return rules.assignment.fallback or share(lead.id, people, _weights(people, rules.assignment))
    working = _at_work(present, at, rules) or present
    return share(lead.id, working, _weights(working, rules.assignment))


def _account_owner(lead: Lead, rules: Assignment) -> str | None:
    if rules.account_owner is None:
        return None
    if not is_blank(owner := lead.of_company(rules.account_owner)):
        return str(owner)
    ours = lead.seen(rules.account_owner, Side.SFA).there
    owner = lead.seen(rules.account_owner, Side.MA).there if is_blank(ours) else ours
    return None if is_blank(owner) else str(owner)


def _team(lead: Lead, job: Job, rules: Rules) -> tuple[str, ...]:
    for team in rules.assignment.teams:
        if team.job is job and meets(lead, team.when):
            return team.people
    return rules.assignment.of(job)


def _weights(people: Sequence[str], rules: Assignment) -> tuple[int, ...]:
    return tuple(rules.weights.get(each, 1) for each in people) if rules.weights else ()


def _present(people: tuple[str, ...], at: int, rules: Rules) -> tuple[str, ...]:
    absences = rules.assignment.absences
    if not absences:
        return people
    day = _local(at, rules.time_zone).date().isoformat()
    return tuple(
        each for each in people if not any(first <= day <= last for first, last in absences.get(each, ()))
    )


def _at_work(people: tuple[str, ...], at: int, rules: Rules) -> tuple[str, ...]:
    """Return those of *people* who work at that minute; whose hours aren't said always do."""
    if not rules.assignment.hours:
        return people
    moment = _local(at, rules.time_zone)
    minute = moment.hour * 60 + moment.minute
    found: list[str] = []
    for each in people:
        hours = rules.assignment.hours.get(each)
        if hours is None or any(start <= minute < end for start, end in hours.get(moment.weekday(), ())):
            found.append(each)
    return tuple(found)


@lru_cache(maxsize=256)
def _local(at: int, time_zone: str) -> datetime:
    return (_EPOCH + timedelta(milliseconds=at)).astimezone(ZoneInfo(time_zone))


@lru_cache(maxsize=1024)  # a lead's change asks for each of those who get it
def share(lead_id: str, people: tuple[str, ...], weights: tuple[int, ...] = ()) -> str | None:
    """
    Return one of *people*, in the long run each as often as their weight (1 without weights), always the same.

    A lead_id begins with the time at which the lead was first heard of; who gets it must not hang on that.
    """
    lead = lead_id[_TIME_CHARS:] or lead_id
    if not weights:
        return max(people, key=lambda each: _draw(each, lead), default=None)
    by_weight = dict(zip(people, weights, strict=True))
    return max(people, key=lambda each: _weighted(_draw(each, lead), by_weight[each]), default=None)


def _draw(person: str, lead: str) -> bytes:
    return sha256(f"{person}|{lead}".encode()).digest()


def _weighted(draw: bytes, weight: int) -> float:
    """Source: weighted rendezvous hashing, https://en.wikipedia.org/wiki/Rendezvous_hashing (logarithmic method)."""
    if weight <= 0:
        return 0.0
    return -weight / log((int.from_bytes(draw[:8]) + 0.5) / _DRAWS)
