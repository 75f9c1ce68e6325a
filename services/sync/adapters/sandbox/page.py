"""The sandbox's web page: the records as a rep sees them, editable by hand; forms become acts."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from services.sync.adapters.sandbox.admin import Act, Column, Desk, View, do_act

ROWS = 50

_WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("{name} sandbox", "{name} サンドボックス"),
    "note": (
        "A stand-in for the real service. Edit a cell and save: it is a user's act.",
        "本物の代わりに動く模擬環境です。セルを書き換えて保存すると、利用者の操作になります。",
    ),
    "save": ("Save", "保存"),
    "delete": ("Delete", "削除"),
    "create": ("New", "新規"),
    "next": ("Next", "次へ"),
    "newest": ("First", "先頭へ"),
    "empty": ("Nothing here yet.", "まだありません。"),
    "archived": ("deleted", "削除済み"),
    "refused": ("Refused: ", "拒否されました: "),
}

_STYLE = """
:root{color-scheme:light dark;--edge:#8884;--accent:#0b6}
body{font:15px/1.5 system-ui,"Hiragino Sans","Noto Sans JP",sans-serif;margin:0 auto;max-width:80rem;padding:1rem}
header,nav{display:flex;flex-wrap:wrap;gap:.4rem 1rem;align-items:baseline}h1{font-size:1.25rem;margin:0}
nav a[aria-current]{font-weight:700;color:inherit;text-decoration:none;border-bottom:2px solid var(--accent)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;margin-top:.75rem}
th,td{border-bottom:1px solid var(--edge);padding:.3rem .4rem;text-align:left;white-space:nowrap}
input,select{font:inherit;width:100%;min-width:7rem;border:1px solid transparent;background:none;color:inherit}
tr:hover input,input:focus,tr:hover select,select:focus{border-color:var(--edge)}button{font:inherit}
tr.gone{opacity:.5;text-decoration:line-through}.error{color:#c22}p{margin:.5rem 0}
"""

_SCRIPT = """
const table=document.getElementById('records');let since=+table.dataset.since;
async function watch(){for(;;){try{
const told=await(await fetch('/_sandbox/changes?wait_ms=20000&limit=1000&since='+since)).json();
if(told.last===since)continue;since=told.last;
if(table.contains(document.activeElement)&&document.activeElement.matches('input,select'))continue;
const page=await(await fetch(location.href)).text();
const fresh=new DOMParser().parseFromString(page,'text/html').getElementById('records');
table.replaceChildren(...fresh.childNodes);await new Promise(r=>setTimeout(r,500));
}catch(e){await new Promise(r=>setTimeout(r,2000));}}}
watch();
"""


_CURRENT = ' aria-current="page"'


def page_routes(desk: Desk) -> list[Route]:
    """Return the routes of the page: ``GET /`` shows records, ``POST /`` does what a form says."""

    async def show(request: Request) -> Response:
        asked = request.query_params
        return HTMLResponse(render(desk, asked, language=_language(request)))

    async def edit(request: Request) -> Response:
        if _foreign(request):
            return Response("forms are taken from this page only", 403)
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        done = do_act(desk, _act(desk, form))
        back = dict(request.query_params)
        back.pop("error", None)
        if done.error is not None:
            back["error"] = done.error
        return RedirectResponse("/?" + urlencode(back), 303)

    return [Route("/", show, methods=["GET"]), Route("/", edit, methods=["POST"])]


def render(desk: Desk, asked: Mapping[str, str], *, language: str) -> str:
    """Return the page for the query *asked* (``object``, ``after``, ``error``) in ``en`` or ``ja``."""
    words = _Words(language, desk.name)
    view = next((each for each in desk.views if each.object == asked.get("object")), desk.views[0])
    page = desk.records(view.object, after=asked.get("after"), limit=ROWS, history=False, newest=True)
    title = escape(words("title"))
    error = f'<p class="error">{escape(words("refused") + asked["error"])}</p>' if "error" in asked else ""
    return (
        f'<!doctype html><html lang="{words.language}"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<header><h1>{title}</h1>{_tabs(desk, view, words)}</header><p>{escape(words('note'))}</p>{error}"
        f'<div class="scroll" id="records" data-since="{desk.feed.last}">'
        f"{_table(view, page.records, words)}{_pager(view, page.after, words)}</div>"
        f"<script>{_SCRIPT}</script></html>"
    )


class _Words:
    def __init__(self, language: str, name: str) -> None:
        self.language = language
        self._name = name

    def __call__(self, word: str) -> str:
        return _WORDS[word][self.language == "ja"].format(name=self._name)

    def label(self, of: View | Column) -> str:
        return of.label_ja if self.language == "ja" else of.label


def _tabs(desk: Desk, shown: View, words: _Words) -> str:
    tabs = "".join(
        f'<a href="/?{urlencode({"object": each.object, "lang": words.language})}"'
        f"{_CURRENT if each.object == shown.object else ''}>{escape(words.label(each))}</a>"
        for each in desk.views
    )
    other = "en" if words.language == "ja" else "ja"
    query = urlencode({"object": shown.object, "lang": other})
    return f'<nav>{tabs}<a href="/?{query}">{"English" if other == "en" else "日本語"}</a></nav>'


def _table(view: View, records: Sequence[Mapping[str, Any]], words: _Words) -> str:
    head = "".join(f'<th scope="col">{escape(words.label(each))}</th>' for each in view.columns)
    rows = "".join(_row(view, record, words) for record in records)
    empty = "" if records else f"<p>{escape(words('empty'))}</p>"
    new = "".join(f"<td>{_cell(each, '', 'new', words)}</td>" for each in view.columns)
    return (
        f'<table><thead><tr><th scope="col">ID</th>{head}<th></th></tr></thead><tbody>{rows}'
        f"<tr><td></td>{new}<td>{_form('new', view, '', words, ('create',))}</td></tr></tbody></table>{empty}"
    )


def _row(view: View, record: Mapping[str, Any], words: _Words) -> str:
    form = f"r{record['id']}"
    identity = escape(str(record["id"]))
    if record["archived"]:
        cells = "".join(
            f"<td>{escape(str(record['fields'].get(each.name) or ''))}</td>" for each in view.columns
        )
        return f'<tr class="gone"><td>{identity}</td>{cells}<td>{escape(words("archived"))}</td></tr>'
    cells = "".join(
        f"<td>{_cell(each, str(record['fields'].get(each.name) or ''), form, words)}</td>"
        for each in view.columns
    )
    buttons = _form(form, view, str(record["id"]), words, ("save", "delete"))
    return f"<tr><td>{identity}</td>{cells}<td>{buttons}</td></tr>"


def _cell(column: Column, value: str, form: str, words: _Words) -> str:
    shown = escape(value)
    if not column.editable:
        return escape(column.option_labels.get(value, value))
    tied = f'name="f.{escape(column.name)}" form="{escape(form)}" aria-label="{escape(words.label(column))}"'
    if not column.options:
        return f'<input {tied} value="{shown}">'
    chosen = "".join(
        f'<option value="{escape(each)}"{" selected" if each == value else ""}>'
        f"{escape(column.option_labels.get(each, each))}</option>"
        for each in dict.fromkeys(("", value, *column.options))
    )
    return f"<select {tied}>{chosen}</select>"


def _form(form: str, view: View, identity: str, words: _Words, acts: tuple[str, ...]) -> str:
    query = urlencode({"object": view.object, "lang": words.language})
    names = {"save": "update", "delete": "delete", "create": "create"}
    buttons = " ".join(
        f'<button name="act" value="{names[each]}">{escape(words(each))}</button>' for each in acts
    )
    return (
        f'<form id="{escape(form)}" method="post" action="/?{query}">'
        f'<input type="hidden" name="object" value="{escape(view.object)}">'
        f'<input type="hidden" name="id" value="{escape(identity)}">{buttons}</form>'
    )


def _pager(view: View, after: str | None, words: _Words) -> str:
    query = {"object": view.object, "lang": words.language}
    first = f'<a href="/?{urlencode(query)}">{escape(words("newest"))}</a>'
    if after is None:
        return f"<p>{first}</p>"
    following = urlencode({**query, "after": after})
    return f'<p>{first} <a href="/?{following}">{escape(words("next"))}</a></p>'


def _act(desk: Desk, texts: Mapping[str, str]) -> Act:
    fields = {name[2:]: value for name, value in texts.items() if name.startswith("f.")}
    act, identity = texts.get("act", ""), texts.get("id") or None
    if act == "create":
        fields = {name: value for name, value in fields.items() if value}
    if act == "delete":
        fields = {}
    return Act(act=act, object=texts.get("object", desk.views[0].object), id=identity, fields=dict(fields))


def _language(request: Request) -> str:
    asked = request.query_params.get("lang")
    if asked in {"en", "ja"}:
        return asked
    return "ja" if request.headers.get("accept-language", "").lower().startswith("ja") else "en"


def _foreign(request: Request) -> bool:
    """Return whether another site's page sent the form (a browser always names the origin of a POST)."""
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")
