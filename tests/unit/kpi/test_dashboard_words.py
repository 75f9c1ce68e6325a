"""The dashboard's words: whatever a page asks for by name is there, in both languages, and nothing else is."""

import re
from pathlib import Path

from services.kpi.adapters.dashboard.words import WORDS

FOLDER = Path(__file__).parents[3] / "services/kpi/adapters/dashboard"
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for pattern in ("static/*.js", "*.py")
    for path in sorted(FOLDER.glob(pattern))
)


def test_each_word_that_a_page_names_is_there_in_both_languages() -> None:
    """Those asked for by a constant; the browser's tests see the rest, for a missing one is an error there."""
    named = set(re.findall(r'\bt\("([^"]+)"', SOURCES))

    assert len(named) > 80
    assert named - set(WORDS) == set()
    assert [
        key for key, (english, japanese) in WORDS.items() if not english.strip() or not japanese.strip()
    ] == []


def test_each_word_is_asked_for_by_a_page() -> None:
    """By its whole name, or by the head before its last part."""
    heads = set(re.findall(r"[`\"]([a-z-]+(?:\.[a-z-]+)*)[.:]\$\{", SOURCES)) | {"nav", "page", "short"}

    unused = [
        key
        for key in WORDS
        if f'"{key}"' not in SOURCES and not any(key.startswith(f"{head}.") for head in heads)
    ]

    assert unused == []


def test_both_languages_put_in_the_same_parts() -> None:
    """A part in braces that only one of them has would be lost in the other."""
    odd = [
        key
        for key, (english, japanese) in WORDS.items()
        if set(re.findall(r"\{(\w+)\}", english)) != set(re.findall(r"\{(\w+)\}", japanese))
    ]

    assert odd == []
