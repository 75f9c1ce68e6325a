"""Laws: whatever stands in the KPI sections, loading gives settings or ConfigurationErrors, nothing else."""

import tomllib
from typing import Any, cast

import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from services.configuration.explain import keys_of
from services.kpi.settings.draft import OWN
from tests.unit.kpi.settings.kpi_firm import FIRM
from tests.unit.kpi.settings.test_kpi_mistakes import mistakes_of

SCALARS = st.one_of(
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.sampled_from(
        [
            "mql",
            "won",
            "activity:*",
            "*",
            "24h",
            "0s",
            "owner",
            "office",
            "chat",
            "JP",
            "09:00-18:00",
            "24:00-24:00",
        ]
    ),
)
WORDS = sorted({key for model in OWN.values() for key in keys_of(model)} | set(OWN))
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3), st.dictionaries(st.sampled_from([*WORDS, "x"]), below, max_size=4)
    ),
    max_leaves=8,
)


def _loads(text: str) -> None:
    """Load *text*; a mistake must have a line that the text has."""
    for mistake in mistakes_of(text):
        assert mistake.line is None or 1 <= mistake.line <= text.count("\n") + 1
        assert mistake.problem
        assert mistake.mend


@given(st.dictionaries(st.sampled_from([*OWN, "x"]), VALUES, max_size=6))
def test_no_value_in_any_section_makes_loading_crash(data: dict[str, Any]) -> None:
    """Valid TOML with the right names and the wrong things in them."""
    _loads(tomlkit.dumps(data))


@settings(max_examples=150)
@given(st.data())
def test_no_change_of_one_value_makes_loading_crash(data: st.DataObject) -> None:
    """A good file in which one value, anywhere, became something else."""
    document = tomllib.loads(FIRM)
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
