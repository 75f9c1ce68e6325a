"""The KPIs' part of a new file, its examples, and the reference: all as the models say."""

import re

import pytest

from services.configuration import names
from services.configuration.explain import keys_of
from services.configuration.platform import PLATFORM
from services.kpi.settings import Settings, template
from services.kpi.settings.draft import OWN, SECTIONS
from services.kpi.settings.reference import PAGE, main, page
from tests.unit.kpi.settings.kpi_firm import SMALLEST, settings_of, smallest

_EXAMPLE = re.compile(r'^( *)# (?=\[|"|\{|\w+ = )', re.MULTILINE)
EXAMPLES_SECRETS = {
    "TASUKI_SINK_SLACK_SALES_URL": "https://hooks.slack.com/services/x",
    "TASUKI_SINK_MAIL_URL": "mailtos://u:p@smtp.firm.example?to={target}",
    "TASUKI_FEED_KEY_DASHBOARD": "x" * 16,
}


def _with_examples() -> Settings:
    """Return the settings when every example of the template is taken out of its comment."""
    return settings_of(SMALLEST + _EXAMPLE.sub(r"\1", template()), EXAMPLES_SECRETS)


def test_the_template_says_the_defaults() -> None:
    """A new file reads the same as one that says nothing of KPIs."""
    assert settings_of(SMALLEST + template(), {}) == smallest()


def test_every_example_of_the_template_loads() -> None:
    """Hot leads in 30 minutes, business hours of Japan, sinks, people, routes, keys."""
    settings = _with_examples()

    assert settings.policies[0].targets[0].budget_ms == 1_800_000
    assert settings.calendars.keys() == {"office"}
    assert [each.name for each in settings.sinks] == ["slack-sales", "mail"]
    assert len(settings.notices.routes) == 2
    assert settings.goals is not None
    assert settings.feed.keys[0].secret is not None


def test_the_template_names_every_section() -> None:
    """As itself, or as an example."""
    for key in OWN:
        assert re.search(rf"^(# )?\[+{key}[.\]]", template(), re.MULTILINE), key


def test_the_reference_is_up_to_date() -> None:
    """docs/configuration-kpi.md is what the models say; `python -m services.kpi.settings.reference` mends it."""
    assert PAGE.read_text(encoding="utf-8") == page()
    assert main(["--check"]) == 0


def test_the_reference_names_every_key_and_explains_it() -> None:
    """No key of any section lacks its row, and none its description."""
    text = page()

    for model in OWN.values():
        for key, field in keys_of(model).items():
            assert f"| `{key}` |" in text
            assert field.description


def test_the_examples_of_the_reference_load() -> None:
    """What a description shows as TOML can be written so."""
    shown = re.findall(r"`((?:\[[\w.]+\] )?\w+ = (?:\[|\{)[^`]*)`", page())
    assert len(shown) >= 3
    for example in shown:
        head, _, rest = example.rpartition("] ") if example.startswith("[") else ("", "", example)
        if rest.startswith("sla = "):
            settings_of(f"{rest}\n{SMALLEST}", {})
        elif rest.startswith("targets = "):
            entry = f'[[sla]]\nname = "x"\nstarts = ["mql"]\nstops = ["won"]\n{rest}\n'
            settings_of(SMALLEST + entry, {})
        else:
            settings_of(f"{SMALLEST}{head}]\n{rest}\n", {})


@pytest.mark.parametrize("key", names.KPI)
def test_the_sections_are_those_that_others_pass_over(key: str) -> None:
    """The list that the services share is the list of what this one reads."""
    assert key in OWN
    assert set(SECTIONS) == {*names.KPI, *names.SHARED}
    assert {"firm", *PLATFORM} == set(names.SHARED)
