"""The frame of every page: title, objects, languages, style, and the script that keeps it up to date."""

from collections.abc import Mapping
from importlib.resources import files
from urllib.parse import urlencode

from services.sync.adapters.sandbox.desk import Desk, View
from services.sync.adapters.sandbox.web.markup import Child, Markup, join, tag
from services.sync.adapters.sandbox.web.words import Words

_HERE = files("services.sync.adapters.sandbox.web")
STYLE = Markup((_HERE / "page.css").read_text(encoding="utf-8"))
SCRIPT = Markup((_HERE / "page.js").read_text(encoding="utf-8"))


def address(query: Mapping[str, str | None]) -> str:
    """Return the address of the page for *query*; None is left out."""
    return "/?" + urlencode({name: value for name, value in query.items() if value is not None})


def page(
    desk: Desk, words: Words, query: Mapping[str, str], *content: Child, heading: str, shown: View | None
) -> str:
    """
    Return a whole page.

    Args:
        desk: Whose page.
        words: In which language.
        query: What the address says, so that the other language shows the same.
        content: What stands on it.
        heading: What it is about.
        shown: The object whose link is marked as the current one.
    """
    other = "en" if words.language == "ja" else "ja"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{heading} · {words('sandbox')}"),
        tag("link", rel="icon", href="data:,"),
        tag("style", STYLE),
    )
    objects = (
        tag(
            "a",
            words.label(each),
            href=address({"object": each.object, "lang": words.language}),
            aria_current="page" if shown is not None and each.object == shown.object else None,
        )
        for each in desk.views
    )
    faults = tag(
        "a",
        words("faults"),
        href=address({"faults": "1", "lang": words.language}),
        aria_current="page" if shown is None else None,
        class_="apart",
    )
    body = tag(
        "body",
        tag("a", words("skip"), href="#content", class_="skip"),
        tag(
            "header",
            tag("p", tag("strong", words("sandbox")), " ", tag("span", words("note"), class_="quiet")),
            tag(
                "a",
                "English" if other == "en" else "日本語",
                href=address({**query, "lang": other}),
                lang=other,
                hreflang=other,
            ),
        ),
        tag("nav", list(objects), faults, aria_label=words("objects")),
        tag("main", tag("h1", heading), *content, id="content", data_since=str(desk.feed.last)),
        tag("script", SCRIPT),
    )
    return "<!doctype html>" + tag("html", head, body, lang=words.language)


def alert(text: str | None) -> Markup:
    """Return an error that a screen reader says at once; nothing for None."""
    return tag("p", text, role="alert", class_="error") if text else join(())
