"""What the README points at is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLE = README.split("## Where is it?")[1].split("\n## ")[0]
NAMED = sorted(set(re.findall(r"`([a-z][\w./-]+)`", TABLE)))
LINKED = sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)", README)))


def test_the_table_names_places() -> None:
    """An empty table would pass all else."""
    assert len(NAMED) > 20


@pytest.mark.parametrize("place", NAMED)
def test_each_place_of_the_table_exists(place: str) -> None:
    """The where-is-it table leads somewhere."""
    assert (ROOT / place).exists()


@pytest.mark.parametrize("place", LINKED)
def test_each_link_leads_to_a_file(place: str) -> None:
    """Links within the repository aren't broken."""
    assert (ROOT / place).exists()
