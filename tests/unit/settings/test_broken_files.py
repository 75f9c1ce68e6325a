"""Broken configurations, one mistake each: the place, the key, what is wrong, and the mend."""

import pytest

from tests.unit.settings.broken import Broken
from tests.unit.settings.broken_columns import COLUMNS
from tests.unit.settings.broken_connections import CONNECTIONS
from tests.unit.settings.broken_fields import FIELDS
from tests.unit.settings.broken_rules import RULES
from tests.unit.settings.broken_shapes import SHAPES
from tests.unit.settings.small_firm import mistakes_of

CASES = {**SHAPES, **FIELDS, **COLUMNS, **RULES, **CONNECTIONS}
WITH_CONSEQUENCES = {
    "missing section",  # the misspelt one is unknown, too
    "cap of negative points",  # the threshold is out of reach then
    "jwt without a user",  # and without its key in the environment
    "stage map of the wrong kind",  # which makes it the second one for opportunities
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_broken_file_names_the_place_and_the_mend(case: Broken) -> None:
    """Each mistake is found, at its line, under its key, with its mend; nothing in it shows a secret."""
    mistakes = mistakes_of(case.text)

    found = [each for each in mistakes if each.key == case.key]
    assert found, [str(each) for each in mistakes]
    assert found[0].line == case.line
    assert case.problem in found[0].problem
    assert case.mend in found[0].mend
    assert found[0].mend
    assert not any("S3CR3T" in str(each) for each in mistakes)


def test_the_small_firm_itself_is_in_order() -> None:
    """What the broken files are made from has no mistake."""
    assert mistakes_of() == ()


def test_a_mistake_is_told_once_and_brings_no_others() -> None:
    """One change gives one mistake, but where another section really no longer fits."""
    several = {name for name, case in CASES.items() if len(mistakes_of(case.text)) != 1}

    assert several == WITH_CONSEQUENCES
