"""
The docs against the code: each reason and each error has a place in the runbook, and what the docs name exists.

The scan reads the sources as syntax trees. A *reason* is a constant given to a parameter named ``reason``, by keyword
or by place, of anything but a log line or a metric. Simulators of vendors speak for the vendors and are left out.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.json_schema import event_schemas
from schemas.topics import TOPICS

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text(encoding="utf-8")
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")

LEFT_OUT = {"sandbox", "rehearse", "stage", "wire"}
NOTED = {"debug", "info", "warning", "error", "exception", "failed", "count", "observe", "set"}
"""Calls whose `reason` is a fact of a log line or a metric."""
ROOTS = {"Retryable", "Rejected", "Misconfigured", "ShardEnded"}
STEPS = ("- **You see:** ", "- **It means:** ", "- **Do:** ")

SOURCES = {
    path: path.read_text(encoding="utf-8")
    for folder in ("services", "schemas")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
    if not LEFT_OUT & set(path.parts)
}
TREES = {path: ast.parse(text) for path, text in SOURCES.items()}
TEXT = "\n".join(SOURCES.values())


def calls() -> Iterator[ast.Call]:
    """Yield every call in the sources."""
    return (node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    """Return the last part of the name that is called."""
    called = call.func
    return (
        called.id
        if isinstance(called, ast.Name)
        else called.attr
        if isinstance(called, ast.Attribute)
        else ""
    )


def places_of_reasons() -> dict[str, int]:
    """Return the functions and classes that take a reason by place, with that place."""
    found: dict[str, int] = {}
    for tree in TREES.values():
        for node in ast.walk(tree):
            name, function = taker(node)
            place = place_in(function)
            if place is not None and name != "__init__":
                found[name] = place
    return found


def taker(node: ast.AST) -> tuple[str, ast.AST]:
    """Return by which name *node* is called, and the function that takes the arguments."""
    if not isinstance(node, ast.ClassDef):
        return getattr(node, "name", ""), node
    makers = [part for part in node.body if getattr(part, "name", "") == "__init__"]
    return node.name, makers[0] if makers else ast.Pass()


def place_in(node: ast.AST) -> int | None:
    """Return the place of the parameter ``reason`` in a function, not counting ``self``."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    names = [
        each.arg for each in (*node.args.posonlyargs, *node.args.args) if each.arg not in {"self", "cls"}
    ]
    return names.index("reason") if "reason" in names else None


def reasons() -> set[str]:
    """Return every reason in the sources; one that is put together ends in ``…``."""
    places = places_of_reasons()
    found: set[str] = set()
    for call in calls():
        if name_of(call) in NOTED:
            continue
        given = [each.value for each in call.keywords if each.arg == "reason"]
        place = places.get(name_of(call))
        given += [] if place is None else call.args[place : place + 1]
        found |= {text for each in given if (text := text_of(each))}
    return found


def text_of(node: ast.expr) -> str | None:
    """Return a constant text, or the constant head of one that is put together."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        return f"{node.values[0].value}…"
    return None


def errors() -> set[str]:
    """Return every class of error that is not a bug."""
    bases = {
        node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found: set[str] = set()
    while more := {name for name, parents in bases.items() if parents & (ROOTS | found)} - found:
        found |= more
    return found


def entries() -> dict[str, list[str]]:
    """Return the runbook's entries: each heading of the third level with the lines below it."""
    parts = re.split(r"^#{2,3} ", RUNBOOK, flags=re.MULTILINE)[1:]
    found = {part.splitlines()[0]: part.splitlines()[1:] for part in parts}
    return {title: lines for title, lines in found.items() if f"### {title}\n" in RUNBOOK}


def quoted(text: str) -> set[str]:
    """Return what stands in backticks in *text*."""
    return set(re.findall(r"`([^`\n]+)`", text))


HEADED = {word for title in entries() for word in quoted(title)}


def test_the_scan_finds_reasons_however_they_are_given() -> None:
    """By keyword, by place, by place of a class, and put together; without them the next tests prove nothing."""
    assert {"bad-signature", "record-too-large", "too-large", "slow-headers", "refused:…"} <= reasons()
    assert {"Throttled", "StoreUnavailable", "ConfigurationErrors", "Fenced"} <= errors()


def test_each_reason_has_a_heading_in_the_runbook() -> None:
    """Whoever meets a reason finds what it means by searching for it."""
    assert sorted(reasons() - HEADED) == []


def test_each_error_is_in_the_runbook() -> None:
    """By the name of its class, as it stands in a traceback."""
    assert sorted(errors() - quoted(RUNBOOK)) == []


def test_each_of_our_codes_for_a_refused_write_is_in_the_runbook() -> None:
    """They follow ``refused:`` in a dead letter's reason."""
    codes = {
        text
        for call in calls()
        if name_of(call) == "Refused"
        for each in call.keywords
        if each.arg == "code" and (text := text_of(each.value))
    }
    assert "linked-elsewhere" in codes
    assert sorted(codes - quoted(RUNBOOK)) == []


@pytest.mark.parametrize("title", entries())
def test_each_entry_says_what_is_seen_what_it_means_and_what_to_do(title: str) -> None:
    """In that order, each once."""
    lines = [line for line in entries()[title] if line.startswith("- **")]
    assert [next(step for step in STEPS if line.startswith(step)) for line in lines] == list(STEPS)


def test_no_heading_names_a_reason_or_an_error_that_is_gone() -> None:
    """A name in a heading's backticks is a text or a class in the code, unless it is a command."""
    known = reasons()
    gone = [
        name
        for name in sorted(HEADED)
        if not name.startswith("tasuki ")
        and name not in known
        and f'"{name}"' not in TEXT
        and f"class {name}(" not in TEXT
    ]
    assert gone == []


def test_log_events_and_metrics_that_the_docs_name_are_in_the_code() -> None:
    """Names that are searched for must be found as they stand."""
    pages = [page.read_text(encoding="utf-8") for page in (DOCS / "runbook.md", DOCS / "architecture.md")]
    named = {word for page in pages for word in quoted(page)}
    events = {
        word
        for word in named
        if re.fullmatch(r"[a-z]+\.[a-z]+_[a-z_]+|[a-z]+\.(?:fenced|blocked|ended)", word)
    }
    metrics = {word for word in named if re.fullmatch(r"tasuki_[a-z_]+", word)}
    assert {"commit.rolled_back", "stream.position_lost"} <= events
    assert [word for word in sorted(events | metrics) if f'"{word}"' not in TEXT] == []


def test_each_name_in_the_glossary_is_in_the_code() -> None:
    """The last column; a dash says that the code isn't there yet."""
    rows = [
        line for line in GLOSSARY.splitlines() if line.startswith("| ") and not line.startswith("| English")
    ]
    assert len(rows) > 60
    missing: list[str] = []
    for row in rows:
        english, japanese, meaning, code = (cell.strip() for cell in row.strip("|").split(" | "))
        assert english
        assert japanese
        assert meaning
        assert code == "–" or quoted(code)
        missing += [name for name in quoted(code) if not re.search(rf"\b{name.rpartition('.')[2]}\b", TEXT)]
    assert missing == []


def test_files_and_topics_that_the_docs_name_exist() -> None:
    """Paths from the repository's root (a test folder may still be empty), topics, and event types."""
    pages = [
        *DOCS.glob("*.md"),
        *DOCS.glob("adr/*.md"),
        REPOSITORY / "CONTRIBUTING.md",
        REPOSITORY / "CHANGELOG.md",
    ]
    known = {topic.name for topic in TOPICS} | set(event_schemas())
    missing: list[str] = []
    for page in pages:
        for word in quoted(page.read_text(encoding="utf-8")):
            if re.fullmatch(r"(?:docs|services|schemas|tests/contracts)/[\w./-]*", word):
                missing += [] if (REPOSITORY / word).exists() else [f"{page.name}: {word}"]
            elif re.fullmatch(r"tasuki\.[\w.-]+\.v\d+", word):
                missing += [] if word in known else [f"{page.name}: {word}"]
    assert missing == []


@pytest.mark.parametrize("page", sorted((DOCS / "adr").glob("*.md")), ids=lambda page: page.stem)
def test_each_decision_has_its_parts(page: Path) -> None:
    """A number as in its name, a date, a status, context, decision, consequences; short enough to be read."""
    text = page.read_text(encoding="utf-8")
    number = int(page.stem.split("-")[0])
    assert text.startswith(f"# {number}. ")
    assert re.search(r"^Date: \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert re.search(r"^Status: (accepted|superseded by \d+)$", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert 20 <= len(text.splitlines()) <= 45


def test_the_decisions_that_the_docs_name_exist() -> None:
    """ADR 0003 is a file that begins with 0003."""
    named = {
        number
        for page in DOCS.rglob("*.md")
        for number in re.findall(r"ADR (\d{4})", page.read_text("utf-8"))
    }
    assert named
    assert [number for number in sorted(named) if not list((DOCS / "adr").glob(f"{number}-*.md"))] == []
