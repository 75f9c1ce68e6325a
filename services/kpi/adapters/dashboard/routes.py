"""The dashboard's routes: a shell for each page, its files, and how the sync service does."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from services.errors import Retryable
from services.kpi.adapters.dashboard.assets import Assets, load_assets
from services.kpi.adapters.dashboard.shell import LANGUAGES, PAGES, Shell
from services.kpi.adapters.dashboard.sync_health import HealthAnswer, SyncHealth, SyncHealthBody
from services.runtime.clock import Clock
from services.runtime.http_access import ApiKey, Role, role_holders
from services.runtime.logs import events
from services.runtime.problems import Problem

log = events()

_A_YEAR_S = 31_536_000
SECURITY: Mapping[str, str] = {
    # Nothing from elsewhere, nothing inline; text can't become markup, for no script may make any.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def make_dashboard_router(
    *,
    keys: Sequence[ApiKey],
    host: str,
    clock: Clock,
    sync_health: SyncHealth | None = None,
) -> APIRouter:
    """
    Return the dashboard's routes, for `make_feed(routers=…)`.

    The pages hold no figure: their browser asks the feed for them, with the key that its user enters.

    Args:
        keys: As given to `make_feed`; for what the dashboard itself tells of the sync service.
        host: The address the server is bound to.
        clock: For when that was asked.
        sync_health: Asks the sync service how it does; without it the page says that it isn't known.

    Raises:
        Misconfigured: As `make_feed`.
    """
    router = APIRouter(include_in_schema=False)
    assets = load_assets()
    _add_pages(router, Shell(assets.version))
    _add_assets(router, assets)
    access = role_holders(keys=keys, role=Role.READ, host=host, what="the dashboard")

    @router.get("/dashboard/sync", dependencies=access)
    async def sync() -> Response:
        answer = await _asked(sync_health, clock())
        return Response(
            answer.model_dump_json(), media_type="application/json", headers={"Cache-Control": "no-store"}
        )

    _ = sync  # registered by its decorator
    return router


def _add_pages(router: APIRouter, shell: Shell) -> None:
    async def show(request: Request) -> Response:
        name = next(each.name for each in PAGES if each.path == request.scope["route"].path)
        language = _language(request)
        answer = Response(
            shell.page(name, language, request.url.query),
            media_type="text/html; charset=utf-8",
            headers={**SECURITY, "Cache-Control": "no-cache", "Vary": "Accept-Language, Cookie"},
        )
        if request.query_params.get("lang") in LANGUAGES:
            answer.set_cookie("tasuki-lang", language, max_age=_A_YEAR_S, samesite="lax")
        return answer

    for each in PAGES:
        router.add_api_route(each.path, show, methods=["GET", "HEAD"])


def _add_assets(router: APIRouter, assets: Assets) -> None:
    @router.get("/dashboard/assets/{version}/{name}")
    async def asset(version: str, name: str) -> Response:
        if version != assets.version or name not in assets.by_name:
            raise Problem(404, "not-found", "there is no such file of the dashboard", mend="reload the page")
        kind, content = assets.by_name[name]
        lasting = {"Cache-Control": f"public, max-age={_A_YEAR_S}, immutable"}
        return Response(content, media_type=kind, headers={**SECURITY, **lasting})

    _ = asset  # registered by its decorator


def _language(request: Request) -> str:
    """Return the language asked for, else the one chosen before, else the browser's."""
    for said in (request.query_params.get("lang"), request.cookies.get("tasuki-lang")):
        if said in LANGUAGES:
            return str(said)
    return "ja" if request.headers.get("accept-language", "").lower().startswith("ja") else "en"


async def _asked(source: SyncHealth | None, now: int) -> HealthAnswer:
    if source is None:
        return HealthAnswer(known=False, why="no-source", asked_at=now)
    try:
        said: Any = await source()
        health = None if said is None else SyncHealthBody.model_validate(said)
    except (Retryable, ValidationError) as error:
        log.warning("feed.delayed", reason=f"sync health: {type(error).__name__}")
        health = None
    if health is None:
        return HealthAnswer(known=False, why="no-answer", asked_at=now)
    return HealthAnswer(known=True, asked_at=now, health=health)
