"""Laws: whatever stands in the file, loading gives settings or ConfigurationErrors, nothing else."""

import tomllib
from typing import Any, cast

import tomlkit
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.configuration.explain import keys_of
from services.sync.settings import template
from services.sync.settings.draft import SECTIONS
from tests.unit.settings.small_firm import ENVIRON, SMALL, mistakes_of, settings_of

SCALARS = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.sampled_from(
        ["email", "visits", "ma", "sfa", "latest", "24h", "https://[", "redis://:x@h:x/1", "{", "a@b.cd"]
    ),
)
WORDS = sorted({key for model in SECTIONS.values() for key in keys_of(model)} | set(SECTIONS))
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(st.sampled_from([*WORDS, "x"]), below, max_size=4)
    ),
    max_leaves=8,
)
LINES = SMALL.splitlines()


def _loads(text: str) -> None:
    """Load *text*; a mistake must have a line that the text has."""
    for mistake in mistakes_of(text):
        assert mistake.line is None or 1 <= mistake.line <= text.count("\n") + 1
        assert mistake.problem
        assert mistake.mend


@given(st.text())
@example("\x00")
@example("a = [" * 2_000)
@example("[" * 3_000 + "]" * 3_000)
@example('a = "\\uD800"')
@example("a = 9" + "9" * 5_000)
@example("x = {" + "a.b.c = {" * 500)
def test_no_text_makes_loading_crash(text: str) -> None:
    """Any text at all."""
    _loads(text)


@given(st.dictionaries(st.sampled_from([*SECTIONS, "x"]), VALUES, max_size=6))
def test_no_value_in_any_section_makes_loading_crash(data: dict[str, Any]) -> None:
    """Valid TOML with the right names and the wrong things in them."""
    _loads(tomlkit.dumps(data))


@settings(max_examples=200)
@given(st.data())
def test_no_change_of_one_value_makes_loading_crash(data: st.DataObject) -> None:
    """A good file in which one value, anywhere, became something else."""
    document = tomllib.loads(SMALL)
    here: Any = document
    while True:
        key = data.draw(st.sampled_from(_keys(here)))
        below = here[key]
        if not _keys(below) or data.draw(st.booleans()):
            break
        here = below
    here[key] = data.draw(VALUES)
    _loads(tomlkit.dumps(document))


def _keys(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value))
    return list(range(len(cast("list[Any]", value)))) if isinstance(value, list) else []


@given(
    st.integers(0, len(LINES) - 1),
    st.integers(0, len(LINES) - 1),
    st.sampled_from(["drop", "double", "swap", "cut"]),
)
def test_no_slip_of_the_editor_makes_loading_crash(one: int, other: int, slip: str) -> None:
    """Lines lost, doubled, moved, cut short."""
    lines = list(LINES)
    if slip == "drop":
        del lines[one]
    elif slip == "double":
        lines.insert(other, lines[one])
    elif slip == "swap":
        lines[one], lines[other] = lines[other], lines[one]
    else:
        lines[one] = lines[one][: len(lines[one]) // 2]
    _loads("\n".join(lines))


def test_the_environment_of_the_laws_is_in_order() -> None:
    """The laws would hold emptily if the environment alone always failed."""
    assert settings_of(SMALL, ENVIRON)
    assert settings_of(template(), ENVIRON)
