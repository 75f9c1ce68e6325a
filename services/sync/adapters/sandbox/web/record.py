"""One record's page: its fields as a form, a call to log, and what is related to it."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from services.sync.adapters.sandbox.desk import Column, Desk, View
from services.sync.adapters.sandbox.web.layout import address, alert, page
from services.sync.adapters.sandbox.web.listing import display, plain, table
from services.sync.adapters.sandbox.web.markup import Child, Markup, join, tag
from services.sync.adapters.sandbox.web.words import Words


def record_page(
    desk: Desk,
    words: Words,
    view: View,
    query: Mapping[str, str],
    *,
    error: str | None = None,
    typed: Mapping[str, str] | None = None,
) -> str:
    """
    Return the page of the record ``id`` of *query*.

    *typed* are the form's fields as sent, where *error* says that they were refused: nobody types them twice.
    """
    identity = query.get("id", "")
    record = desk.record(view.object, identity)
    if record is None:
        heading = words.label(view)
        return page(desk, words, query, alert(words("missing")), heading=heading, shown=view)
    here = address({"object": view.object, "id": identity, "lang": words.language})
    saved = tag("p", words("done"), role="status", class_="done") if "saved" in query else None
    content = (
        tag("p", f"{words.label(view)} · {identity}", class_="quiet"),
        saved,
        alert(words("refused", error=error) if error else None),
        _archived(words, here)
        if record["archived"]
        else _form(desk, words, view, record, here, typed, error),
        None if record["archived"] or not view.calls else _call(desk, words, here),
        tag("section", _related(desk, words, view, identity), id="related", data_live=True),
    )
    return page(desk, words, query, *content, heading=desk.title(view.object, record), shown=view)


def new_page(
    desk: Desk,
    words: Words,
    view: View,
    query: Mapping[str, str],
    *,
    error: str | None = None,
    typed: Mapping[str, str] | None = None,
) -> str:
    """Return the form of a new record; ``parent_object`` and ``parent`` of *query* name what it hangs on."""
    there = {name: query.get(name) for name in ("parent_object", "parent")}
    here = address({"object": view.object, "lang": words.language, "new": "1", **there})
    fields = [
        _field(words, each, (typed or {}).get(f"f.{each.name}", "")) for each in view.form if each.editable
    ]
    form = tag(
        "form",
        tag("div", fields, class_="fields"),
        tag(
            "div",
            tag("button", words("create"), name="act", value="create", class_="main"),
            tag("a", words("cancel"), href=address({"object": view.object, "lang": words.language})),
            class_="bar",
        ),
        method="post",
        action=here,
        novalidate=True,
    )
    heading = words("new_of", label=words.label(view))
    refused = alert(words("refused", error=error) if error else None)
    return page(desk, words, query, refused, form, heading=heading, shown=view)


def _form(
    desk: Desk,
    words: Words,
    view: View,
    record: Mapping[str, Any],
    here: str,
    typed: Mapping[str, str] | None,
    error: str | None,
) -> Markup:
    editable: list[Markup] = []
    fixed: list[Child] = []
    for column in view.form:
        value = plain(record["fields"].get(column.name))
        if column.editable:
            before = (typed or {}).get(f"o.{column.name}", value)
            now = (typed or {}).get(f"f.{column.name}", value)
            editable.append(_field(words, column, now, before))
        elif value:
            shown = display(desk, words, view, column, record["fields"].get(column.name))
            fixed += [tag("dt", words.label(column)), tag("dd", shown)]
    acts = [
        tag("button", label_ja if words.language == "ja" else label, name="act", value=act)
        for act, label, label_ja in view.acts
    ]
    return tag(
        "form",
        tag("p", words("stale"), role="status", class_="stale", hidden=True),
        tag("div", editable, class_="fields"),
        tag("dl", fixed) if fixed else None,
        tag(
            "div",
            tag("button", words("save"), name="act", value="update", class_="main"),
            acts,
            tag("button", words("delete"), name="act", value="delete", class_="risky"),
            class_="bar",
        ),
        method="post",
        action=here,
        novalidate=True,
        id="record",
        data_live=True,
        data_dirty="1" if error else None,
    )


def _field(words: Words, column: Column, value: str, before: str | None = None) -> Markup:
    """Return one field with its label; *before* is what it was when the form was made."""
    name = f"f.{column.name}"
    mark = (
        tag("span", f" ({words('required')})", class_="quiet")
        if column.required and column.options != ("true", "false")
        else None
    )
    hint = words("time_hint") if column.kind == "datetime" else None
    original = (
        tag("input", type="hidden", name=f"o.{column.name}", value=before) if before is not None else None
    )
    return tag(
        "div",
        tag("label", words.label(column), mark, for_=name),
        _input(words, column, name, value, hint),
        original,
    )


def _input(words: Words, column: Column, name: str, value: str, hint: str | None) -> Markup:
    if column.options:
        blank = () if column.required and value else ("",)
        options = [
            tag(
                "option",
                words.option(column, each) if each else words("blank"),
                value=each,
                selected=each == value,
            )
            for each in dict.fromkeys((*blank, *((value,) if value else ()), *column.options))
        ]
        return tag("select", options, name=name, id=name)
    if column.kind == "multiline":
        return tag("textarea", value, name=name, id=name, rows="3")
    # Numbers and addresses are plain texts on purpose: a wrong one is for the vendor to refuse, as everywhere.
    kind = "date" if column.kind == "date" else "text"
    mode = {"number": "decimal"}.get(column.kind)
    return tag(
        "input",
        type=kind,
        name=name,
        id=name,
        value=value,
        inputmode=mode,
        placeholder=hint,
        autocomplete="off",
    )


def _archived(words: Words, here: str) -> Markup:
    return tag(
        "form",
        tag("p", words("gone"), class_="empty"),
        tag("button", words("restore"), name="act", value="restore"),
        method="post",
        action=here,
    )


def _call(desk: Desk, words: Words, here: str) -> Markup:
    outcomes = [tag("option", label, value=value) for value, label in desk.call_outcomes.items()]
    return tag(
        "section",
        tag("h2", words("call"), id="call-heading"),
        tag(
            "form",
            tag(
                "div",
                tag("label", words("outcome"), for_="outcome"),
                tag("select", outcomes, name="outcome", id="outcome"),
            ),
            tag(
                "div",
                tag("label", words("memo"), for_="memo"),
                tag("input", type="text", name="note", id="memo"),
            ),
            tag("button", words("log"), name="act", value="call"),
            method="post",
            action=here,
            class_="line",
        ),
        aria_labelledby="call-heading",
    )


def _related(desk: Desk, words: Words, view: View, identity: str) -> Markup:
    views = {each.object: each for each in desk.views}
    found = [each for each in desk.related(view.object, identity) if each.object in views]
    parts: list[Markup] = []
    for of, group in groupby(
        sorted(found, key=lambda each: list(views).index(each.object)), lambda each: each.object
    ):
        records: Sequence[Mapping[str, Any]] = [each.record for each in group]
        parts.append(tag("h3", f"{words.label(views[of])} ({len(records)})"))
        parts.append(table(desk, words, views[of], records))
    links = [
        tag(
            "a",
            words("new_of", label=words.label(views[each])),
            href=address(
                {
                    "object": each,
                    "new": "1",
                    "parent_object": view.object,
                    "parent": identity,
                    "lang": words.language,
                }
            ),
        )
        for each in view.children
    ]
    empty = None if parts else tag("p", words("no_related"), class_="empty")
    return join((tag("h2", words("related")), tag("p", links, class_="bar") if links else None, parts, empty))
