"""
Companies at work: a saga over the log between a company's shard and those of its leads (ADR 0034).

| the shard holds          | it reads                         | it does, in one commit                                 |
|--------------------------|----------------------------------|--------------------------------------------------------|
| a lead                   | what makes it another company's  | tells the company that it left, the other that it joined |
| a company                | company-joined                   | notes the lead, tells it its values                     |
| a company                | what changes its values          | tells them to its leads, so many of them at a time, and itself to go on |
| a company                | that it is to go on              | tells the next of its leads, unless its values changed again |
| a company                | that a record is another one's   | tells its leads; those that hang on that record go along |
| a company without domain | a lead with an address joined    | goes into the company of that domain, as leads do (ADR 0023) |

Nothing waits for an answer, and everything may be told twice.
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Sequence
from typing import Final, TypeAlias

from schemas.instants import rfc3339
from schemas.lead import (
    CompanyJoined,
    CompanyLeft,
    CompanyTold,
    LeadChange,
    LeadCompanyJoined,
    LeadCompanyLeft,
    LeadCompanyTold,
    LeadMergedInto,
    LeadObserved,
    LeadTakenOver,
    TakenOver,
)
from services.sync.application.decide import Decide, Decided
from services.sync.application.steps import Sent, Step
from services.sync.application.tell import SOURCE
from services.sync.domain.company import by_address, is_unnamed, rules_of, told_values
from services.sync.domain.lead import Employer, Lead
from services.sync.domain.records import Side
from services.sync.domain.rules import CompanyRules, Rules


def employed(lead: Lead, was: Employer | None, rules: Rules, event: LeadChange, event_id: str) -> list[Sent]:
    """Return what the companies are told of *lead*, which worked for *was* before *event*."""
    if rules.companies is None:
        return []
    now = lead.employer
    if (now is None and was is None) or (now and was and was.id in {now.id, *now.names}):
        return []
    sent: list[Sent] = []
    if was is not None:
        sent.append((was.id, _left(lead, was, event, event_id)))
    if now is not None:
        sent.append((now.id, _joined(lead, now, by_address(lead, rules.companies), event, event_id)))
    return sent


def _left(lead: Lead, was: Employer, event: LeadChange, event_id: str) -> LeadCompanyLeft:
    at = instant_of(event)
    return LeadCompanyLeft(
        id=f"{event_id}-cl",
        source=SOURCE,
        subject=was.id,
        time=rfc3339(at),
        traceparent=event.traceparent,
        data=CompanyLeft(lead_id=lead.id, joined_at=was.joined_at, left_at=at),
    )


def _joined(
    lead: Lead, now: Employer, address: str | None, event: LeadChange, event_id: str
) -> LeadCompanyJoined:
    return LeadCompanyJoined(
        id=f"{event_id}-cj",
        source=SOURCE,
        subject=now.id,
        time=rfc3339(instant_of(event)),
        traceparent=event.traceparent,
        data=CompanyJoined(lead_id=lead.id, by_address=address, joined_at=now.joined_at),
    )


_Move: TypeAlias = tuple[str | None, str | None]
"""A record, ``system:object:id``, and the company whose it is now."""
AT_ONCE = 500
"""So many leads are told by one commit: of a company with very many, each hears of it in its turn."""


class Companies:
    """Takes changes into companies."""

    def __init__(self, rules: Rules, encode: Callable[[Lead], bytes]) -> None:
        self._rules: CompanyRules | None = rules.companies
        self._decide = Decide(rules_of(rules))
        self._encode = encode

    @property
    def decide(self) -> Decide:
        """What decides on the fields of companies."""
        return self._decide

    def take(self, company: Lead, event: LeadChange, other: Lead | None, event_id: str) -> Step:
        """
        Take *event* into *company*, which is changed; *other* is the one that it takes over.

        Where companies aren't kept (any more), nothing comes of it.
        """
        rules = self._rules
        if rules is None or isinstance(event, LeadMergedInto):
            return Step(company)
        if isinstance(event, LeadCompanyTold):
            return Step(company, sent=_rest(company, event, event_id))
        decided, moved = Decided(), _moved(event, company)
        told: Collection[str] = ()
        if isinstance(event, LeadCompanyJoined):
            lead_id, at = event.data.lead_id, event.data.joined_at
            company.members[lead_id] = max(at, company.members.get(lead_id, at))
            told = (lead_id,)
            address = event.data.by_address
            if is_unnamed(company.id) and address is not None and not is_unnamed(address):
                return self._adopted(company, address, event, event_id)
        elif isinstance(event, LeadCompanyLeft):
            # Handed on by the company that it was before, it may come after the lead joined this one.
            left = event.data
            if company.members.get(left.lead_id) == left.joined_at:
                del company.members[left.lead_id]
        elif isinstance(event, LeadTakenOver):
            if other is not None:
                told = [*other.members]
                decided = self._decide.take_over(company, other, event, event_id)
        else:
            decided = self._decide.apply(company, event, event_id)
        return Step(company, decided, self._news(company, event, event_id, told, moved))

    def _news(
        self, company: Lead, event: LeadChange, event_id: str, told: Collection[str], moved: _Move
    ) -> list[Sent]:
        """Return what leads are told: all of them where something changed, or it is for very many, else those in *told*."""
        record, moved_to = moved
        values = {} if self._rules is None else told_values(company, self._rules)
        if values != company.told_members or record is not None:
            told = company.members.keys()
        company.told_members = values
        if not told:
            return []
        news = CompanyTold(
            company_id=company.id,
            names=sorted(company.taken_over),
            values=values,
            record=record,
            moved_to=moved_to,
            told_at=instant_of(event),
        )
        if len(told) > AT_ONCE:
            return _told_to(sorted(company.members), news, event, event_id)
        return _told_to(sorted(told), news, event, event_id)

    def _adopted(self, company: Lead, there: str, event: LeadCompanyJoined, event_id: str) -> Step:
        """Let a company without a domain be the one at whose domain a lead of it has an address."""
        at = event.data.joined_at
        state = b64encode(self._encode(company)).decode()
        known = TakenOver(lead_id=company.id, side=Side.SFA.value, state=state, merged_at=at)
        told = LeadTakenOver(
            id=f"{event_id}-t0",
            source=SOURCE,
            subject=there,
            time=rfc3339(at),
            traceparent=event.traceparent,
            data=known,
        )
        nothing = Decided(missing={side: [] for side in Side})
        return Step(Lead(company.id, merged_into=there), nothing, [(there, told)])


def _rest(company: Lead, event: LeadCompanyTold, event_id: str) -> list[Sent]:
    """Return what the leads are told that were left when the company told *event* to itself, if that still holds."""
    news = event.data
    if news.after is None or (news.record is None and news.values != company.told_members):
        return []  # what it told since goes to all of them
    left = sorted(each for each in company.members if each > news.after)
    now = {"company_id": company.id, "names": sorted(company.taken_over), "values": company.told_members}
    return _told_to(left, news.model_copy(update={**now, "after": None}), event, event_id)


def _told_to(lead_ids: Sequence[str], news: CompanyTold, event: LeadChange, event_id: str) -> list[Sent]:
    """Return *news* for the first of *lead_ids*, which are in order, and what tells the company to go on after these."""
    found = [(lead_id, news) for lead_id in lead_ids[:AT_ONCE]]
    if len(lead_ids) > AT_ONCE:
        found.append((news.company_id, news.model_copy(update={"after": lead_ids[AT_ONCE - 1]})))
    return [
        (
            there,
            LeadCompanyTold(
                id=f"{event_id}-c{number}",
                source=SOURCE,
                subject=there,
                time=rfc3339(news.told_at),
                traceparent=event.traceparent,
                data=told,
            ),
        )
        for number, (there, told) in enumerate(found)
    ]


def _moved(event: LeadChange, company: Lead) -> _Move:
    """Return which record, that is the company's, *event* tells to be another one's, and whose; None for none."""
    if not isinstance(event, LeadObserved):
        return None, None
    data = event.data
    if not data.deleted or data.company is None or company.is_named(data.company):
        return None, None
    record = f"{data.ref.system}:{data.ref.object}:{data.ref.id}"
    known = company.persons.get(Side(data.side), {}).get(record)
    return (record, data.company) if known is not None and known.alive else (None, None)


_INSTANTS: Final = {
    "observed": "observed_at",
    "write-started": "started_at",
    "write-settled": "settled_at",
    "write-retried": "retried_at",
    "merged-into": "noticed_at",
    "taken-over": "merged_at",
    "forgotten": "erased_at",
    "task-wanted": "told_at",
    "task-over": "told_at",
    "reviewed": "reviewed_at",
    "company-joined": "joined_at",
    "company-left": "left_at",
    "company-told": "told_at",
}


def instant_of(event: LeadChange) -> int:
    """Return when *event* came to be, epoch ms, by the clock of whoever appended it."""
    return int(getattr(event.data, _INSTANTS[event.type.removeprefix("tasuki.lead.").removesuffix(".v1")]))
