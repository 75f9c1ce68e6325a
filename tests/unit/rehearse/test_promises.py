"""The file of promises of a rehearsal: what it becomes, and what is said where it is wrong."""

from datetime import date
from pathlib import Path

import pytest

from services.cli.rehearse.promises import load_promises
from services.errors import Misconfigured
from tests.kpi_facts import START

SLA = '[[sla]]\nname = "a"\nstarts = ["mql"]\nstops = ["sql"]\ntargets = [{ within = "7d" }]\n'


def written(folder: Path, text: str) -> Path:
    """Write *text* to a file."""
    path = folder / "promises.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_promises_are_held_from_before_the_history_on(tmp_path: Path) -> None:
    """The day before its first deed; what the file says of KPIs stays; each alert goes to the receiver."""
    found = load_promises(written(tmp_path, SLA + '[kpi]\nfirst_weekday = "sun"\n'), tmp_path)
    overrides = found.overrides(START)
    assert overrides["kpi"] == {"promised_from": date(2026, 9, 20), "first_weekday": "sun"}
    assert [each["name"] for each in overrides["sla"]] == ["a"]
    assert overrides["alerts"]["default"] == [each["name"] for each in overrides["sinks"]]
    assert {url for url in found.environ(1234).values() if ":1234" in url}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"promises.toml: has no \[\[sla\]\]"),
        ("[[sla]", "promises.toml: isn't TOML"),
        (SLA + "[firm]\nname = 'x'", "promises.toml: firm: isn't part of promises"),
        (SLA.replace('"mql"', '"mqll"'), r"promises.toml: sla\[a\].starts.*did you mean \"mql\"\?"),
        (SLA.replace("7d", "soon"), r"promises.toml: sla\[a\].targets\[0\].within"),
        (SLA.replace("targets", "target"), r"promises.toml: sla\[a\].target"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    """Before anything starts."""
    with pytest.raises(Misconfigured, match=said):
        load_promises(written(tmp_path, text), tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As any file of a rehearsal."""
    with pytest.raises(Misconfigured, match=r"none\.toml: can't be read"):
        load_promises(tmp_path / "none.toml", tmp_path)
