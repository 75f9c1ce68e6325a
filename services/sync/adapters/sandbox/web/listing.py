"""The list of one object's records, the newest first, with a search."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.sync.adapters.sandbox.desk import Column, Desk, View
from services.sync.adapters.sandbox.web.layout import address, page
from services.sync.adapters.sandbox.web.markup import Child, Markup, join, tag
from services.sync.adapters.sandbox.web.words import Words

ROWS = 50
_SCANNED = 1_000
"""Records that are looked through at a time."""


def listing(desk: Desk, words: Words, view: View, query: Mapping[str, str]) -> str:
    """Return the page for *query*: ``after`` continues a list, ``q`` searches."""
    text = query.get("q", "").strip()
    records, after = _chosen(desk, view, query.get("after"), text)
    base = {"object": view.object, "lang": words.language}
    heading = words.label(view)
    new = tag("a", words("new"), href=address({**base, "new": "1"}), class_="button")
    content = (
        tag("div", _search(base, text, words), new, class_="bar"),
        tag("p", words("found", text=text), " ", tag("a", words("all"), href=address(base)))
        if text
        else None,
        tag(
            "div",
            table(desk, words, view, records) if records else _empty(text, words),
            _pager({**base, "q": text or None}, after, words),
            id="records",
            data_live=True,
        ),
    )
    return page(desk, words, query, *content, heading=heading, shown=view)


def table(desk: Desk, words: Words, view: View, records: Sequence[Mapping[str, Any]]) -> Markup:
    """Return *records* as a table whose first cell leads to the record's page."""
    head = tag("tr", [tag("th", words.label(each), scope="col") for each in view.columns])
    rows = [_row(desk, words, view, each) for each in records]
    return tag("table", tag("thead", head), tag("tbody", rows))


def display(desk: Desk, words: Words, view: View, column: Column, value: Any) -> Child:
    """Return *value* as people read it: options by their label, references by their title."""
    text = plain(value)
    pointed = desk.pointer(view.object, column.name, text) if column.kind == "reference" and text else None
    if pointed is not None:
        of, title = pointed
        return tag("a", title, href=address({"object": of, "id": text, "lang": words.language}))
    if column.kind == "datetime" and "T" in text:
        return text.replace("T", " ")[:19] + " UTC"
    return words.option(column, text)


def plain(value: Any) -> str:
    """Return a field's value as the text of a form."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _row(desk: Desk, words: Words, view: View, record: Mapping[str, Any]) -> Markup:
    here = address({"object": view.object, "id": str(record["id"]), "lang": words.language})
    cells: list[Markup] = []
    for place, column in enumerate(view.columns):
        shown = display(desk, words, view, column, record["fields"].get(column.name))
        if place == 0:
            gone = tag("span", " ", words("archived"), class_="quiet") if record["archived"] else None
            cells.append(tag("th", tag("a", _or_id(shown, record), href=here), gone, scope="row"))
        else:
            cells.append(tag("td", shown, data_label=words.label(column)))
    return tag("tr", cells, class_="gone" if record["archived"] else None)


def _or_id(shown: Child, record: Mapping[str, Any]) -> Child:
    return shown or f"#{record['id']}"


def _chosen(
    desk: Desk, view: View, after: str | None, text: str
) -> tuple[Sequence[Mapping[str, Any]], str | None]:
    if not text:
        found = desk.records(view.object, after=after, limit=ROWS, history=False, newest=True)
        return found.records, found.after
    chosen: list[Mapping[str, Any]] = []
    wanted = text.casefold()
    while True:
        scanned = desk.records(view.object, after=after, limit=_SCANNED, history=False, newest=True)
        for record in scanned.records:
            values = " ".join(plain(each) for each in (record["id"], *record["fields"].values()))
            if wanted in values.casefold():
                chosen.append(record)
                if len(chosen) == ROWS:
                    return chosen, str(record["id"])
        after = scanned.after
        if after is None:
            return chosen, None


def _search(base: Mapping[str, str], text: str, words: Words) -> Markup:
    hidden = [tag("input", type="hidden", name=name, value=value) for name, value in base.items()]
    return tag(
        "form",
        hidden,
        tag("label", words("search"), for_="q"),
        tag("input", type="search", name="q", id="q", value=text),
        tag("button", words("find")),
        role="search",
        action="/",
    )


def _empty(text: str, words: Words) -> Markup:
    return tag("p", words("none_found" if text else "empty"), class_="empty")


def _pager(base: Mapping[str, str | None], after: str | None, words: Words) -> Markup:
    if after is None:
        return join(())
    return tag(
        "p",
        tag("a", words("newest"), href=address(base)),
        " ",
        tag("a", words("next"), href=address({**base, "after": after}), rel="next"),
    )
