"""A small program of the firm's own that takes a play's alerts by signed webhook, and a page that lists them."""

from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.cli.stage.language import Language
from services.kpi.adapters.sinks.signature import HEADER, is_signed
from services.runtime.clock import Clock
from services.runtime.http import serve

PATH = "/alerts"
SHOWN = 200
_FORBIDDEN, _TAKEN = 403, 204
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS: Mapping[Language, Mapping[str, str]] = {
    "ja": {
        "title": "届いたアラート",
        "count": "{count} 件が届きました(新しい順、2秒ごとに更新)",
        "none": "まだありません。約束の期限が近づくと、ここに届きます。",
        "warned": "期限間近",
        "breached": "期限超過",
        "escalated": "期限超過(上位へ連絡)",
        "met-late": "遅れて対応",
        "retracted": "取り消し",
        "columns": "時刻|種類|内容",
    },
    "en": {
        "title": "Alerts that arrived",
        "count": "{count} arrived (newest first, every 2 s)",
        "none": "None yet. They arrive here when promises come due.",
        "warned": "due soon",
        "breached": "overdue",
        "escalated": "overdue, escalated",
        "met-late": "answered late",
        "retracted": "taken back",
        "columns": "time|kind|alert",
    },
}
_PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;margin:1.5rem;color-scheme:light dark}}
td,th{{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0}}</style>
<h1>襷 {title}</h1><p>{count} · <a href="/?language=ja">日本語</a> <a href="/?language=en">English</a></p>
<table><tr>{head}</tr>{rows}</table></html>"""


class Receiver:
    """
    Takes alerts; `arrived` is how often each did, by its id, and `unsigned` how many messages weren't signed by us.

    Args:
        secret: Shared with tasuki.
        language: Of the page, unless its address says otherwise.
        time_zone: Of the times on the page.
    """

    def __init__(self, *, secret: str, language: Language, time_zone: str, clock: Clock) -> None:
        self.arrived: Counter[str] = Counter()
        self.unsigned = 0
        self._shown: deque[tuple[int, Mapping[str, Any], str]] = deque(maxlen=SHOWN)
        self._secret = secret
        self._language: Language = language
        self._zone = ZoneInfo(time_zone)
        self._clock = clock

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncGenerator[None]:
        """Listen at *port* of this machine inside the block."""
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.add_route(PATH, self._take, methods=["POST"])
        app.add_route("/", self._page, methods=["GET"])
        server = await serve(app, "127.0.0.1", port)
        try:
            yield
        finally:
            await server.stop()

    async def _take(self, request: Request) -> Response:
        """Take a message as docs/alerts.md says: verified on its bytes, before it is parsed."""
        body = await request.body()
        if not is_signed(request.headers.get(HEADER, ""), body, self._secret, self._clock()):
            self.unsigned += 1
            return Response(status_code=_FORBIDDEN)
        message = orjson.loads(body)
        for alert in message["alerts"]:
            if alert["id"] not in self.arrived:  # a repeated one is counted, and shown once
                self._shown.appendleft((self._clock(), alert, message["text"]))
            self.arrived[alert["id"]] += 1
        return Response(status_code=_TAKEN)

    async def _page(self, request: Request) -> Response:
        asked = request.query_params.get("language")
        return HTMLResponse(self.page("ja" if asked == "ja" else "en" if asked == "en" else self._language))

    def page(self, language: Language) -> str:
        """Return the page."""
        words = _WORDS[language]
        rows = "".join(self._row(*each, words=words) for each in self._shown)
        return _PAGE.format(
            language=language,
            title=words["title"],
            count=words["count"].format(count=len(self.arrived)),
            head="".join(f"<th>{each}</th>" for each in words["columns"].split("|")) if rows else "",
            rows=rows or f"<tr><td>{words['none']}</td></tr>",
        )

    def _row(self, at: int, alert: Mapping[str, Any], text: str, *, words: Mapping[str, str]) -> str:
        moment = (_EPOCH + timedelta(milliseconds=at)).astimezone(self._zone)
        kind, said = words.get(alert["kind"], alert["kind"]), escape(text.splitlines()[0] if text else "")
        link = f'<a href="{escape(alert["link"])}">{said}</a>' if alert["link"] else said
        return f"<tr><td>{moment:%H:%M:%S}</td><td>{escape(kind)}</td><td>{link}</td></tr>"
