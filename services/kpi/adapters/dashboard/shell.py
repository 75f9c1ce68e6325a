"""The frame of every page, in both languages: head, navigation, the place for the view, and the words it needs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import parse_qsl, urlencode

from services.kpi.adapters.dashboard.words import WORDS

LANGUAGES = ("ja", "en")


@dataclass(frozen=True, slots=True)
class Page:
    """A page; `nav` is the page whose link is marked while it is shown, `linked` whether it has one of its own."""

    name: str
    path: str
    nav: str
    linked: bool = True


PAGES = (
    Page("today", "/", "today"),
    Page("table", "/kpis", "table"),
    Page("trends", "/trends", "trends"),
    Page("overdue", "/overdue", "overdue"),
    Page("leads", "/leads", "table", linked=False),
    Page("lead", "/lead", "overdue", linked=False),
)


class Shell:
    """Makes the pages' HTML; *version* is that of the files."""

    def __init__(self, version: str) -> None:
        text = files("services.kpi.adapters.dashboard").joinpath("templates/shell.html").read_text("utf-8")
        self._template = Template(text)
        self._assets = f"/dashboard/assets/{version}"
        self._words = {language: _data(words_in(language)) for language in LANGUAGES}

    def page(self, name: str, language: str, query: str) -> str:
        """Return the page *name*; *query* is kept in the address of the other language."""
        words = words_in(language)
        page = next(each for each in PAGES if each.name == name)
        other = "en" if language == "ja" else "ja"
        kept = [(key, value) for key, value in parse_qsl(query) if key != "lang"]
        plain = {
            "language": language,
            "title": words[f"page.{name}"],
            "assets": self._assets,
            "page": name,
            "skip": words["skip"],
            "pages_label": words["pages"],
            "connecting": words["live.connecting"],
            "theme_label": words["theme"],
            "other_address": f"{page.path}?{urlencode([*kept, ('lang', other)])}",
            "other": other,
            "other_label": words["other-language"],
            "other_short": "EN" if other == "en" else "日本語",
            "loading": words["loading"],
            "noscript": words["noscript"],
        }
        made = {"links": _links(page, words), "words": self._words[language]}
        return self._template.substitute({key: escape(value) for key, value in plain.items()} | made)


def words_in(language: str) -> Mapping[str, str]:
    """Return all words of the pages in *language*."""
    return {key: each[language == "ja"] for key, each in WORDS.items()}


def _links(shown: Page, words: Mapping[str, str]) -> str:
    return "".join(
        f'<a href="{each.path}"{_current(each, shown)}>{escape(words[f"nav.{each.name}"])}</a>'
        for each in PAGES
        if each.linked
    )


def _current(each: Page, shown: Page) -> str:
    if each.name == shown.name:
        return ' aria-current="page"'
    return ' aria-current="true"' if each.name == shown.nav else ""


def _data(words: Mapping[str, str]) -> str:
    """Return *words* as JSON that can stand within a script element."""
    return json.dumps(words, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
