"""A lead's whole timeline, read from the log and the store: what was seen, decided, reached, sent, and what waits."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from schemas.topics import DECISIONS, LEAD_CHANGES, LIFECYCLE, Topic
from services.runtime.clock import Clock, now_ms
from services.runtime.keys import ShardId
from services.runtime.log.of_key import records_of
from services.runtime.log.port import Log
from services.runtime.store import Store
from services.sync.application.dispatch import urgency
from services.sync.application.identify import Identity, email_claim, is_lead_id
from services.sync.consumers.shard_leads import PRIORITY_STEP, Decode
from services.sync.domain.company import lacking, normal_domain, rules_of
from services.sync.domain.consent import opt_in
from services.sync.domain.desired import Missing, missing
from services.sync.domain.lead import COMPANY_PREFIX, NEVER, Lead
from services.sync.domain.lifecycle import Lifecycle, origin_of, trace
from services.sync.domain.priority import Priority
from services.sync.domain.records import Scalar, Side
from services.sync.domain.rescoring import bring
from services.sync.domain.rules import Rules
from services.sync.domain.score_words import reason_line
from services.sync.domain.tally import Reason

Json: TypeAlias = dict[str, Any]

Why = Callable[[Side, Priority], Awaitable[str | None]]
"""Returns in words what holds a side's work of a priority back, None if nothing is known to."""


async def unheld(_side: Side, _priority: Priority) -> str | None:
    """Know of nothing that holds work back."""
    return None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: when (epoch ms), what kind of thing, and its data as told on the topic."""

    at: int
    kind: str
    data: Mapping[str, Any]


class Timeline:
    """
    Looks leads up.

    Args:
        service: The service whose shards hold the leads.
        why: Why what a lead lacks isn't sent.
    """

    def __init__(
        self,
        *,
        log: Log,
        store: Store,
        identity: Identity,
        decode: Decode,
        rules: Rules,
        service: str,
        why: Why = unheld,
        clock: Clock = now_ms,
    ) -> None:
        self._why = why
        self._clock = clock
        self._log = log
        self._store = store
        self._identity = identity
        self._decode = decode
        self._rules = rules
        self._service = service
        self._of_companies = rules_of(rules)

    async def of(self, lead_or_email: str) -> Json | None:
        """
        Return all that is known of a lead, None if there is none.

        Args:
            lead_or_email: A lead_id or an e-mail address, in any way of writing it; of a company its id or its domain.

        Returns:
            lead_id, merged (the ids that it had too), stage, cycle, origin, score, score_as_of, score_changes_at (if
            nothing happens; null: never), score_held (over the threshold by changed rules only), reasons (points by label),
            score_reasons (with since when, what becomes of them, and a text in the firm's language), links, duplicates
            (records that are heard but not written to), milestones, fields, company (its id, and what it told), members
            (how many leads a company has), waiting, entries (oldest first); instants are epoch ms.
        """
        lead_id = await self._lead_id(lead_or_email.strip())
        if lead_id is None:
            return None
        lead = await self._lead(lead_id)
        while lead is not None and lead.merged_into:
            lead = await self._lead(lead.merged_into)
        if lead is None:
            return None
        shard = self._shard(lead.id)
        bring(lead, self._rules)
        life = Lifecycle() if lead.is_company else trace(lead, self._rules)
        return {
            **_summary(lead, life, self._rules, self._clock()),
            "waiting": [line for side in Side for line in await self._waiting(shard, lead, life, side)],
            "entries": [
                {"at": each.at, "what": each.kind, **each.data} for each in await self._entries(lead)
            ],
        }

    def _shard(self, lead_id: str) -> ShardId:
        return ShardId(self._service, LEAD_CHANGES.name, self._log.partition_for(LEAD_CHANGES.name, lead_id))

    async def _lead(self, lead_id: str) -> Lead | None:
        (blob,) = await self._store.mget([self._shard(lead_id).key(f"lead:{lead_id}")])
        return None if blob is None else self._decode(lead_id, blob)

    async def _lead_id(self, asked: str) -> str | None:
        if is_lead_id(asked):
            return asked.lower()
        if asked.startswith(COMPANY_PREFIX):
            return asked
        if "@" not in asked and (domain := normal_domain(asked)) is not None:
            return f"{COMPANY_PREFIX}{domain}"
        claim = email_claim(asked)
        return (await self._identity.claimed([claim])).get(claim)

    async def _waiting(self, shard: ShardId, lead: Lead, life: Lifecycle, side: Side) -> list[Json]:
        of_company = lead.is_company
        lacks = (
            lacking(lead, self._of_companies, side) if of_company else missing(lead, life, self._rules, side)
        )
        if not lacks:
            return []
        (score,) = await self._store.read([("ZSCORE", shard.key(f"dirty:{side}"), lead.id)])
        since = None if score is None else int(float(score)) % PRIORITY_STEP
        why = None if since is None else await self._why(side, urgency(lacks))
        return [_wait(each, since, why) for each in lacks]

    async def _entries(self, lead: Lead) -> list[Entry]:
        """Return what was told of the lead, and of those that it took over until they were merged into it."""
        found: list[Entry] = []
        for topic in (LEAD_CHANGES, DECISIONS, LIFECYCLE):
            found += [_entry(each) for each in await self._events(topic, lead.id)]
            for lead_id in sorted(lead.taken_over):
                own = await self._events(topic, lead_id)
                ends = [place for place, each in enumerate(own, start=1) if each["type"] == _MERGED]
                found += [_entry(each) for each in own[: ends[0] if ends else None]]
        return sorted(found, key=lambda each: each.at)

    async def _events(self, topic: Topic, lead_id: str) -> Sequence[Json]:
        found: list[Json] = []
        seen: set[str] = set()
        async for record in records_of(self._log, topic.name, lead_id):
            if record.value is not None:
                event: Json = orjson.loads(record.value)
                if event["id"] not in seen:
                    seen.add(event["id"])
                    found.append(event)
        return found


def _summary(lead: Lead, life: Lifecycle, rules: Rules, now: int) -> Json:
    return {
        "lead_id": lead.id,
        "merged": sorted(lead.taken_over),
        "stage": life.stage.value,
        "cycle": life.cycle,
        "origin": origin_of(lead, rules).value,
        "score": life.score,
        "score_as_of": lead.as_of,
        "score_changes_at": life.changes_at or None,
        "score_held": life.held,
        "reasons": life.points,
        "score_reasons": [_reason(each, rules, now) for each in life.reasons],
        "links": {side.value: str(ref) for side in Side if (ref := lead.person(side)) is not None},
        "duplicates": {side.value: list(map(str, refs)) for side in Side if (refs := lead.duplicates(side))},
        "milestones": [
            {"cycle": cycle, "milestone": milestone.value, "at": at}
            for (cycle, milestone), at in sorted(life.milestones.items(), key=lambda pair: pair[1])
        ],
        "consents": [_consent(lead, name, rules) for name in sorted(lead.opt_outs)],
        "fields": {name: _sides(lead, name) for name in sorted(lead.names())},
        "company": None if lead.employer is None else {"id": lead.employer.id, **lead.employer.values},
        "members": len(lead.members),
        "opportunities": [str(each.ref) for each in lead.opportunities.values() if not each.deleted],
        "refused": sorted(lead.refused),
    }


def _reason(reason: Reason, rules: Rules, now: int) -> Json:
    return {
        "label": reason.label,
        "points": reason.points,
        "at": reason.at or None,
        "changes_at": reason.changes_at or None,
        "becomes": reason.becomes if reason.changes_at else None,
        "text": reason_line(reason, rules, now),
    }


def _consent(lead: Lead, name: str, rules: Rules) -> Json:
    """Return the evidence of an opt-out, and of the act that undid it."""
    outs, act = lead.opt_outs[name], opt_in(lead, name, rules)
    return {
        "field": name,
        "opted_out": act is None,
        "first": outs.first._asdict(),
        "last": outs.last._asdict(),
        "agreed": None if act is None else {**act._asdict(), "field": rules.opt_ins[name]},
    }


def _sides(lead: Lead, name: str) -> Json:
    sides: dict[str, Scalar] = {}
    for side in Side:
        register = lead.seen(name, side)
        if register.there_at != NEVER:
            sides[side.value] = register.there
    return sides


def _wait(lack: Missing, since: int | None, held: str | None) -> Json:
    why = held or "waits for its turn, or for the system to answer"
    return {
        "side": lack.side.value,
        "slot": lack.slot,
        "fields": lack.fields,
        "priority": Priority(lack.priority).name.lower(),
        "since": since,
        "why": why if since is not None else "not yet decided",
    }


_KINDS = {
    "tasuki.lead.observed.v1": ("observed", "observed_at"),
    "tasuki.lead.write-started.v1": ("sent", "started_at"),
    "tasuki.lead.write-settled.v1": ("settled", "settled_at"),
    "tasuki.lead.write-retried.v1": ("retried", "retried_at"),
    "tasuki.lead.reviewed.v1": ("reviewed", "reviewed_at"),
    "tasuki.lead.merged-into.v1": ("merged-into", "noticed_at"),
    "tasuki.lead.taken-over.v1": ("taken-over", "merged_at"),
    "tasuki.lead.company-joined.v1": ("joined", "joined_at"),
    "tasuki.lead.company-left.v1": ("left", "left_at"),
    "tasuki.lead.company-told.v1": ("company", "told_at"),
    "tasuki.lead.forgotten.v1": ("forgotten", "erased_at"),
    "tasuki.lead.task-wanted.v1": ("task-wanted", "told_at"),
    "tasuki.lead.task-over.v1": ("task-over", "told_at"),
    "tasuki.decision.fields-decided.v1": ("decided", "decided_at"),
    "tasuki.decision.drift-found.v1": ("drift", "found_at"),
    "tasuki.lifecycle.score-changed.v1": ("score", "changed_at"),
    "tasuki.lifecycle.milestone-reached.v1": ("reached", "reached_at"),
    "tasuki.lifecycle.milestone-retracted.v1": ("retracted", "previous_at"),
    "tasuki.lifecycle.activity-logged.v1": ("activity", "at"),
    "tasuki.lifecycle.activity-retracted.v1": ("activity-retracted", "previous_at"),
    "tasuki.lifecycle.handoff-offered.v1": ("handed-over", "offered_at"),
    "tasuki.lifecycle.cycle-started.v1": ("cycle", "started_at"),
    "tasuki.lifecycle.lead-erased.v1": ("erased", "erased_at"),
    "tasuki.lifecycle.lead-merged.v1": ("merged", "merged_at"),
}


_MERGED = "tasuki.lead.merged-into.v1"
"""What comes to a lead after this is handed on to the one that it is then."""

_LEFT_OUT = frozenset({"standing", "at", "state", "mark", "keys"})


def _entry(event: Json) -> Entry:
    kind, instant = _KINDS.get(event["type"], (event["type"], ""))
    data = {name: value for name, value in event["data"].items() if name not in _LEFT_OUT}
    return Entry(int(event["data"].get(instant, 0)), kind, data)
