"""Whatever the services log is in the catalogue: names of events and keys of facts."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from services.runtime.log_events import EVENT_NAMES
from services.runtime.redaction import PASSING_KEYS

SERVICES = Path(__file__).parents[3] / "services"
_LOGS = re.compile(r"_?(log|logger)")
_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "failed"})
_ARGUMENTS = frozenset({"exc_info"})
# A vendor's user is a person, a URL may hold an address: these stay withheld although somebody logs them.
_ON_PURPOSE = frozenset({"user", "url"})
_OWN = SERVICES / "runtime" / "logs.py"


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted(set(SERVICES.rglob("*.py")) - {_OWN}):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _logs(node.func):
                yield path.relative_to(SERVICES.parent), node


def _logs(function: ast.expr) -> bool:
    if not isinstance(function, ast.Attribute) or function.attr not in _METHODS:
        return False
    owner = function.value
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return _LOGS.fullmatch(name) is not None


def _names(call: ast.Call) -> list[str]:
    """Return the event's name, or the names it is chosen from; empty where it is put together at run time."""
    texts = [each for each in ast.walk(call.args[0]) if isinstance(each, ast.Constant)] if call.args else []
    return [each.value for each in texts if isinstance(each.value, str)]


def _known(name: str) -> bool:
    """Whether it is catalogued, or the beginning of an f-string that some catalogued names share."""
    return name in EVENT_NAMES or (name.endswith(".") and any(each.startswith(name) for each in EVENT_NAMES))


def test_every_event_that_is_logged_is_in_the_catalogue() -> None:
    """Add a new one to services/runtime/log_events.py, dotted and in the past tense."""
    strange = {
        f"{path}:{call.lineno} {names}"
        for path, call in _calls()
        if not (names := _names(call)) or not all(_known(each) for each in names)
    }

    assert not strange


def test_every_key_that_is_logged_is_listed() -> None:
    """A key that isn't listed is withheld: list it in services/runtime/redaction.py if it can't be about a person."""
    withheld = {
        f"{path}:{call.lineno} {keyword.arg}"
        for path, call in _calls()
        for keyword in call.keywords
        if keyword.arg is not None and keyword.arg not in PASSING_KEYS | _ARGUMENTS | _ON_PURPOSE
    }

    assert not withheld


def test_the_scan_finds_the_calls_there_are() -> None:
    """A scan that finds nothing would prove nothing."""
    assert len(list(_calls())) >= 10
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", name) for name in EVENT_NAMES)
