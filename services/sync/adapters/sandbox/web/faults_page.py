"""The page on which somebody makes the sandbox misbehave."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from services.sync.adapters.sandbox.desk import Desk
from services.sync.adapters.sandbox.faults import Faults
from services.sync.adapters.sandbox.web.layout import address, alert, page
from services.sync.adapters.sandbox.web.listing import plain
from services.sync.adapters.sandbox.web.markup import Markup, tag
from services.sync.adapters.sandbox.web.words import Words

_JAPANESE: Mapping[str, str] = {
    "too_many_requests": "429(または割当超過の 403)を返すAPI要求",
    "server_error": "500・502・503 を返すAPI要求",
    "slow": "遅延させるAPI要求",
    "slow_ms": "遅延(ミリ秒)",
    "reset": "切断する接続(半分は処理前、半分は処理後)",
    "duplicate": "二重に送るWebhook",
    "shuffle": "順序を入れ替えるWebhook",
    "lock_row": "ロックエラーで拒否するレコード",
    "partial_error": "一括処理で拒否し続けるレコード",
    "expire_session": "セッション切れ(401)にするAPI要求",
    "stream_abort": "ストリームを切る変更通知",
    "gap_event": "値のないGAPイベントで知らせる変更",
    "gap_overflow": "レコードの分からないGAP_OVERFLOWで知らせる変更",
    "untold": "Webhookでもストリームでも知らせない変更",
    "outage": "全API要求を失敗させる(障害中)",
    "seed": "乱数の種",
}


def faults_page(
    desk: Desk,
    words: Words,
    query: Mapping[str, str],
    *,
    error: str | None = None,
    typed: Mapping[str, str] | None = None,
) -> str:
    """Return the page with the faults that are set; *typed* where *error* refused them."""
    values = typed or {name: plain(value) for name, value in desk.faults.faults.model_dump().items()}
    fields = [_field(words, name, values.get(name, "")) for name in Faults.model_fields]
    saved = tag("p", words("done"), role="status", class_="done") if "saved" in query else None
    form = tag(
        "form",
        tag("div", fields, class_="fields"),
        tag(
            "div",
            tag("button", words("save"), name="act", value="save", class_="main"),
            tag("button", words("calm"), name="act", value="calm"),
            class_="bar",
        ),
        method="post",
        action=address({"faults": "1", "lang": words.language}),
        novalidate=True,
    )
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=desk.clock.now())
    clock = tag("p", words("now", now=f"{moment:%Y-%m-%d %H:%M:%S}"), class_="quiet")
    content = (tag("p", words("fault_note")), clock, saved, alert(error), form)
    return page(desk, words, query, *content, heading=words("faults"), shown=None)


def faults_of(form: Mapping[str, str]) -> Faults:
    """Return the faults that *form* says. Raises ValidationError."""
    if form.get("act") == "calm":
        return Faults()
    return Faults.model_validate({name: value.strip() for name, value in form.items() if name != "act"})


def told(words: Words, error: ValidationError) -> str:
    """Return what is wrong with a form, in one line."""
    problems = (
        words("bad_value", field=str(each["loc"][-1] if each["loc"] else ""), problem=each["msg"])
        for each in error.errors()
    )
    return "; ".join(problems)


def _field(words: Words, name: str, value: str) -> Markup:
    described = Faults.model_fields[name].description or name
    label = _JAPANESE.get(name, described) if words.language == "ja" else described
    if name == "outage":
        options = [
            tag("option", words(each), value=each, selected=each == value) for each in ("false", "true")
        ]
        field = tag("select", options, name=name, id=name)
    else:
        field = tag("input", type="text", inputmode="decimal", name=name, id=name, value=value)
    return tag("div", tag("label", label, for_=name), field, tag("code", name, class_="quiet"))
