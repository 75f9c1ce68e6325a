"""The file that `tasuki init` writes, the demo's settings, and the reference: all as the models say."""

from pathlib import Path

import pytest

from services.configuration.explain import keys_of
from services.sync.domain.field_map import FieldType
from services.sync.domain.produced import PRODUCED_FIELDS
from services.sync.domain.records import Kind, Side
from services.sync.domain.rules import Milestone, Policy
from services.sync.settings import ConfigurationErrors, Settings, demo_settings, loads, template
from services.sync.settings.catalogue import PRODUCED
from services.sync.settings.draft import SECTIONS
from services.sync.settings.reference import PAGE, main, page
from tests.unit.settings.small_firm import ENVIRON


def _template_settings() -> Settings:
    return loads(template(), ENVIRON, file="tasuki.toml", folder=Path("/firm"))


def _demo(**overrides: dict[str, object]) -> Settings:
    return demo_settings(
        hubspot_url="http://127.0.0.1:4001",
        salesforce_url="http://127.0.0.1:4002",
        pubsub="127.0.0.1:4003",
        data_folder=Path("/demo"),
        overrides=overrides,
    )


def test_the_template_is_in_order() -> None:
    """A new user's file loads without a mistake once the secrets are set."""
    settings = _template_settings()

    assert settings.firm.language == "ja"
    assert settings.rules.fields["opted_out"].policy is Policy.NEVER_LOOSEN
    assert settings.rules.fields["owner"].policy is Policy.SFA


def test_the_template_maps_everything_that_tasuki_works_out() -> None:
    """Each produced field has a place in one of the two systems."""
    produced = _template_settings().rules.produced

    assert produced[Side.MA] | produced[Side.SFA] == PRODUCED_FIELDS
    assert "score" in produced[Side.SFA]
    assert "verdict" in produced[Side.MA]


def test_the_template_reaches_every_milestone_that_stages_tell() -> None:
    """From first response to won, lost and recycled, each has a value of Salesforce's."""
    told = {milestone for each in _template_settings().rules.stages for milestone in each.milestones.values()}

    assert told == set(Milestone) - {Milestone.LEAD, Milestone.MQL}


def test_the_template_has_the_opportunity_that_handoffs_fill() -> None:
    """Name, stage, amount, owner and closing day are mapped, with their types."""
    fields = {each.name: each.type for each in _template_settings().sfa_fields.of(Kind.OPPORTUNITY)}

    assert fields["amount"] is FieldType.MONEY
    assert {"name", "stage", "close_on", "owner", "lost_reason"} <= fields.keys()


def test_what_tasuki_works_out_is_the_domains_list() -> None:
    """The settings know exactly the fields that the domain can make."""
    assert PRODUCED.keys() == PRODUCED_FIELDS


def test_the_demo_points_at_the_sandboxes() -> None:
    """Addresses, folder and secrets are the demo's; the rules are the template's."""
    settings = _demo()

    assert (settings.ma.base_url, settings.sfa.login_url) == (
        "http://127.0.0.1:4001",
        "http://127.0.0.1:4002",
    )
    assert (settings.sfa.pubsub, settings.sfa.pubsub_tls) == ("127.0.0.1:4003", False)
    assert settings.data_folder == Path("/demo")
    assert settings.secrets.hubspot_token is not None
    assert settings.rules.scoring == _template_settings().rules.scoring


def test_the_demo_can_be_changed_key_by_key() -> None:
    """Overrides go through the same loader: good ones hold, bad ones are told."""
    assert _demo(sync={"mirror_all": True}).rules.mirror_all

    with pytest.raises(ConfigurationErrors, match=r"sync\.mirror: unknown key"):
        _demo(sync={"mirror": True})


def test_the_reference_is_up_to_date() -> None:
    """docs/configuration.md is what the models say; `python -m services.sync.settings.reference` mends it."""
    assert PAGE.read_text(encoding="utf-8") == page()
    assert main(["--check"]) == 0


def test_the_reference_names_every_key_and_explains_it() -> None:
    """No key of any section lacks its row, and none its description."""
    text = page()

    for model in SECTIONS.values():
        for key, field in keys_of(model).items():
            assert f"| `{key}` |" in text
            assert field.description
