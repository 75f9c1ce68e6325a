"""GET /kpi/clocks and /kpi/alerts: what is open and how it stands, and what was told of it."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from services.kpi.adapters.feed.answering import answer
from services.kpi.adapters.feed.asking import (
    PAGED,
    Asking,
    Text,
    after_cursor,
    cursor_of,
    one_of,
    only,
    row_limit,
    unfit,
)
from services.kpi.adapters.feed.lead_bodies import (
    AlertBody,
    AlertsBody,
    ChosenCountsBody,
    ClocksBody,
    PolicyBody,
    clock_body,
    name_body,
)
from services.kpi.adapters.feed.lead_parts import LeadParts
from services.kpi.adapters.feed.metric_routes import CSV_FORM, REFUSALS, Cursor, Limit
from services.kpi.application.clock_board import SOON_MS, Chosen, Standing
from services.kpi.application.history import AlertTold, alert_json
from services.kpi.application.lead_store import Queued
from services.runtime.clock import Clock

ALERT_KINDS = ("warned", "breached", "escalated", "met-late", "retracted")
_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_SOON_MS = 31 * 86_400_000
PASSING = frozenset({"elapsed_ms", "remaining_ms", "overdue_ms", "paused_ms"})
"""What is another with each instant: an answer that differs in nothing else is the same answer."""

Owner = Annotated[Text, Query(description="An owner; empty: nobody's.")]
Team = Annotated[Text, Query(description="A team; empty: without one.")]
Policy = Annotated[Text, Query(description="The name of a promise.")]


def make_clock_router(parts: LeadParts, asking: Asking, clock: Clock, access: list[Any]) -> APIRouter:
    """Return the routes; *access* are the dependencies that let callers in."""
    router = APIRouter(prefix="/kpi", tags=["kpi"], dependencies=access, responses=REFUSALS)

    @router.get(
        "/clocks",
        responses={200: {"model": ClocksBody, "content": CSV_FORM}},
        summary="Open clocks of promises",
    )
    async def clocks(
        request: Request,
        state: Annotated[
            Text, Query(description="overdue, due-soon, paused, or open (default): all.")
        ] = None,
        policy: Policy = None,
        owner: Owner = None,
        team: Team = None,
        segment: Annotated[Text, Query(description="dimension:value, as source:web.")] = None,
        due_within: Annotated[Text, Query(description="What due soon is: 30m, 2h (default), 1d.")] = None,
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """Each open clock as it stands now, by what comes due first; those that stand still last."""
        only(request, ("state", "policy", "owner", "team", "segment", "due_within", *PAGED))
        chosen = Chosen(policy=policy, owner=owner, team=team, segment=asking.segment(segment))
        now = clock()
        page = await parts.board.page(
            one_of("state", state, Standing, Standing.OPEN),
            chosen,
            now,
            soon_ms=_soon(due_within),
            after=_place(cursor),
            most=row_limit(limit),
        )
        body = ClocksBody(
            at=now,
            offsets={str(number): offset for number, offset in sorted(page.offsets.items())},
            items=[clock_body(each, parts.teams, parts.names) for each in page.items],
            counts=ChosenCountsBody(**asdict(page.counts), exact=page.exact),
            policies=[
                PolicyBody(policy=each, policy_name=name_body(each, parts.names))
                for each in parts.board.policies
            ],
            next_cursor=None if page.after is None else cursor_of("/".join(map(str, page.after))),
        )
        return answer(request, body, "clocks", PASSING)

    @router.get(
        "/alerts", responses={200: {"model": AlertsBody, "content": CSV_FORM}}, summary="The latest alerts"
    )
    async def alerts(
        request: Request,
        policy: Policy = None,
        owner: Owner = None,
        team: Team = None,
        kind: Annotated[Text, Query(description=f"One of {', '.join(ALERT_KINDS)}.")] = None,
        lead_id: Annotated[Text, Query(description="Of this lead.")] = None,
        limit: Limit = None,
        cursor: Cursor = None,
    ) -> Response:
        """Alerts as they were told, the latest first. A page may hold fewer than asked for; go on by `next_cursor`."""
        only(request, ("policy", "owner", "team", "kind", "lead_id", *PAGED))
        if kind is not None and kind not in ALERT_KINDS:
            raise unfit("kind", "isn't one of those there are", f"one of {', '.join(ALERT_KINDS)}")
        wanted = _wanted(parts, policy=policy, owner=owner, team=team, kind=kind, lead_id=lead_id)
        found = await parts.histories.alerts(wanted, before=_offset(cursor), limit=row_limit(limit))
        body = AlertsBody(
            at=clock(),
            items=[alert_body(each, parts) for each in found.found],
            next_cursor=None if found.before is None else cursor_of(str(found.before)),
        )
        return answer(request, body, "alerts", ("at",))

    _ = clocks, alerts  # registered by their decorators
    return router


def alert_body(told: AlertTold, parts: LeadParts) -> AlertBody:
    """Return an alert as a body."""
    data = alert_json(told)
    return AlertBody(
        **data,
        team=parts.teams.get(data["owner"], ""),
        policy_name=name_body(told.clock.policy, parts.names),
    )


def _wanted(
    parts: LeadParts,
    *,
    policy: str | None,
    owner: str | None,
    team: str | None,
    kind: str | None,
    lead_id: str | None,
) -> Callable[[AlertTold], bool]:
    def wanted(told: AlertTold) -> bool:
        whose = told.clock.standing.owner or ""
        return (
            policy in {None, told.clock.policy}
            and owner in {None, whose}
            and team in {None, parts.teams.get(whose, "")}
            and kind in {None, told.kind}
            and lead_id in {None, told.lead_id}
        )

    return wanted


def _soon(text: Text) -> int:
    if text is None:
        return SOON_MS
    number, unit = text[:-1], _UNITS.get(text[-1:])
    if unit is None or not (number.isascii() and number.isdigit() and len(number) < 6):  # noqa: PLR2004 -- digits
        raise unfit("due_within", "isn't a time", "write it as 30m, 2h or 1d")
    if int(number) * unit > _LONGEST_SOON_MS:
        raise unfit("due_within", "is too long", "31 days at most")
    return int(number) * unit


def _place(cursor: Text) -> Queued | None:
    after = after_cursor(cursor)
    if after is None:
        return None
    paused, _, rest = after.partition("/")
    at, _, member = rest.partition("/")
    digits = at.removeprefix("-")
    if paused not in {"0", "1"} or not (digits.isascii() and digits.isdigit()) or member.count("/") < 2:  # noqa: PLR2004
        raise unfit("cursor", "isn't one of this list", "take `next_cursor` of an answer")
    return Queued(int(paused), int(at), member)


def _offset(cursor: Text) -> int | None:
    after = after_cursor(cursor)
    if after is not None and not (after.isascii() and after.isdigit()):
        raise unfit("cursor", "isn't one of this list", "take `next_cursor` of an answer")
    return None if after is None else int(after)
