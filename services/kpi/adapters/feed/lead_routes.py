"""GET /kpi/metrics/{name}/leads and /kpi/leads/{lead_id}…: the facts behind a number, and what is known of one lead."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kpi.adapters.feed.answering import answer
from services.kpi.adapters.feed.asking import (
    ASKED,
    PAGED,
    Asked,
    Asking,
    Text,
    after_cursor,
    cursor_of,
    known_metric,
    one_of,
    only,
    row_limit,
    unfit,
)
from services.kpi.adapters.feed.bodies import RangeBody, definition
from services.kpi.adapters.feed.clock_routes import PASSING
from services.kpi.adapters.feed.fact_lists import FactLists, Listed
from services.kpi.adapters.feed.lead_bodies import (
    BehindBody,
    DelaysBody,
    EntryBody,
    FactBody,
    LeadBody,
    LeadClockBody,
    PauseBody,
    RoundBody,
    TimelineBody,
    name_body,
    stands,
    who,
)
from services.kpi.adapters.feed.lead_parts import LeadParts
from services.kpi.adapters.feed.metric_routes import CSV_FORM, REFUSALS, Cursor, Limit
from services.kpi.application.behind import Part
from services.kpi.application.lead_page import LeadPage
from services.kpi.application.lead_store import TooMany
from services.kpi.domain.clock_view import RoundView, present_cycle
from services.kpi.domain.evidence import Place
from services.kpi.domain.facts import NOT
from services.kpi.domain.lead import KpiLead
from services.kpi.domain.metric import Share
from services.runtime.clock import Clock
from services.runtime.problems import Problem


def make_lead_router(parts: LeadParts, asking: Asking, clock: Clock, access: list[Any]) -> APIRouter:
    """Return the routes; *access* are the dependencies that let callers in."""
    router = APIRouter(prefix="/kpi", tags=["kpi"], dependencies=access, responses=REFUSALS)
    given = Depends(asking.asked)
    lists = FactLists(parts.backing, parts.teams)

    @router.get(
        "/metrics/{name}/leads",
        responses={200: {"model": BehindBody, "content": CSV_FORM}},
        summary="The facts behind a metric",
    )
    async def facts(
        request: Request,
        name: str,
        asked: Asked = given,
        part: Annotated[Text, Query(description="numerator (default) or denominator.")] = None,
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """As many as the figure of the same query says, the latest first; of distinct people one each."""
        only(request, (*ASKED, *PAGED, "part"))
        metric = known_metric(name, asking.metrics)
        term = one_of("part", part, Part, Part.NUMERATOR)
        if term is Part.DENOMINATOR and not isinstance(metric.formula, Share):
            raise Problem(400, "no-denominator", "the metric has no denominator", mend="leave `part` out")
        now, most = clock(), row_limit(limit)
        try:
            listed, after = _behind(cursor)
            found = await lists.of(name, asked, term, now=now, listed=listed)
        except TooMany as error:
            mend = "ask for a shorter time, or read the topic"
            raise Problem(400, "too-many", str(error), mend=mend) from None
        start = 0 if after is None else found.start(after)
        behind, following = found.behind, start + most
        body = BehindBody(
            at=found.at,
            definition=definition(metric),
            part=term,
            range=RangeBody(from_at=behind.range.from_at, to_at=behind.range.to_at),
            segment=None if asked.segment is None else ":".join(asked.segment),
            reading=asked.reading,
            within_days=asked.within_days,
            total=len(found.rows),
            amount=behind.amount,
            items=found.page(start, most),
            next_cursor=_cursor(found, following - 1) if following < len(found.rows) else None,
            offsets={str(number): offset for number, offset in sorted(behind.offsets.items())},
            complete=behind.complete,
        )
        return answer(request, body, f"{name}-leads", PASSING)

    _ = facts  # registered by its decorator
    _add_one(router, parts, clock)
    return router


def _add_one(router: APIRouter, parts: LeadParts, clock: Clock) -> None:
    """Add the routes about one lead."""

    @router.get(
        "/leads/{lead_id}",
        responses={200: {"model": LeadBody, "content": CSV_FORM}},
        summary="What is known of a lead",
    )
    async def lead(request: Request, lead_id: str) -> Response:
        """Its facts, its clocks round by round, and of each handoff the two delays, which are never added."""
        only(request, ())
        now = clock()
        found = await parts.pages.of(lead_id, now)
        if found is None:
            mend = "take a `lead_id` of another answer"
            raise Problem(404, "no-such-lead", "nothing was told of such a lead", mend=mend)
        return answer(request, _lead_body(found, parts, now), "lead", PASSING)

    @router.get(
        "/leads/{lead_id}/timeline",
        responses={200: {"model": TimelineBody, "content": CSV_FORM}},
        summary="The history of a lead",
    )
    async def timeline(
        request: Request, lead_id: str, limit: Limit = None, cursor: Cursor = None
    ) -> Response:
        """
        Facts, decisions, alerts and dead letters of the lead, without what is personal in them.

        Each page is sorted by the time it happened; pages go on by the time it was told. A page may be short, or
        empty, and have a next one: so many records are looked at for each.
        """
        only(request, PAGED)
        found = await parts.histories.of(lead_id, _offsets(cursor), row_limit(limit))
        body = TimelineBody(
            lead_id=lead_id,
            items=[
                EntryBody(
                    at=each.at,
                    told_at=each.told_at,
                    kind=each.kind,
                    what=each.what,
                    id=each.id,
                    data=each.data,
                )
                for each in found.entries
            ],
            next_cursor=None
            if found.next is None
            else cursor_of(",".join(f"{topic}={offset}" for topic, offset in found.next.items())),
        )
        return answer(request, body, "timeline")

    _ = lead, timeline  # registered by their decorators


def _lead_body(found: LeadPage, parts: LeadParts, now: int) -> LeadBody:
    lead = found.lead
    return LeadBody(
        **who(lead, parts.teams),
        at=now,
        offsets={str(number): offset for number, offset in found.offsets.items()},
        cycle=present_cycle(lead),
        gone=lead.gone,
        facts=sorted(_facts(lead, found), key=lambda each: each.at),
        clocks=[
            LeadClockBody(
                cycle=cycle,
                policy=policy,
                policy_name=name_body(policy, parts.names),
                rounds=[_round(each) for each in rounds],
            )
            for (cycle, policy), rounds in found.clocks.items()
        ],
        delays=[
            DelaysBody(cycle=cycle, handoff=handoff, system_ms=each.system_ms, rep_ms=each.rep_ms)
            for cycle, handoff, each in found.delays
        ],
    )


def _round(each: RoundView) -> RoundBody:
    return RoundBody(
        **stands(each),
        ended_at=each.ended_at,
        ending=each.ending,
        met=each.met,
        paused=[PauseBody(from_at=one.from_at, to_at=one.to_at) for one in each.paused],
        paused_ms=each.paused_ms,
    )


def _facts(lead: KpiLead, found: LeadPage) -> Iterator[FactBody]:
    for (cycle, milestone), mark in lead.marks.items():
        if mark.at != NOT:
            yield FactBody(
                at=mark.at,
                type="milestone",
                cycle=cycle,
                milestone=str(milestone),
                owner=mark.owner,
                amount=mark.amount or None,
                currency=mark.currency or None,
            )
    for key, deed in lead.deeds.items():
        if deed.at != NOT:
            yield FactBody(
                at=deed.at,
                type="activity",
                activity=deed.kind,
                key=key,
                outcome=deed.outcome or None,
                owner=deed.owner,
            )
    for (cycle, handoff), offer in lead.offers.items():
        yield FactBody(
            at=offer.offered_at,
            type="handoff",
            cycle=cycle,
            handoff=handoff,
            qualified_at=offer.qualified_at,
        )
    for cycle, at in found.cycles.items():
        yield FactBody(at=at, type="cycle", cycle=cycle)


def _cursor(found: Listed, last: int) -> str:
    return cursor_of("\n".join((found.id, *map(str, found.places[last]))))


def _behind(cursor: Text) -> tuple[str | None, Place | None]:
    """Return of which list *cursor* is, and behind which place it goes on; the list may no longer be kept."""
    after = after_cursor(cursor)
    if after is None:
        return None, None
    try:
        listed, at, lead_id, kind, cycle, key = after.split("\n", 5)
        return listed, (int(at), lead_id, kind, int(cycle), key)
    except ValueError:
        raise unfit("cursor", "isn't one of this list", "take `next_cursor` of an answer") from None


def _offsets(cursor: Text) -> dict[str, int]:
    after = after_cursor(cursor)
    found: dict[str, int] = {}
    for each in (after or "").split(",") if after else ():
        topic, equals, offset = each.partition("=")
        if not equals or not (offset.isascii() and offset.isdigit() and len(offset) < 18):  # noqa: PLR2004 -- digits
            raise unfit("cursor", "isn't one of this list", "take `next_cursor` of an answer")
        found[topic] = int(offset)
    return found
