"""Loading as a whole: everything at once, files that are no TOML, and the settings that come out."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.errors import Misconfigured
from services.sync.domain.field_map import FieldType, MappedField
from services.sync.domain.records import Kind, Side
from services.sync.domain.rules import FieldRule, Milestone, Policy
from services.sync.settings import ConfigurationErrors, load
from tests.unit.settings.small_firm import ENVIRON, SMALL, changed, mistakes_of, settings_of


def test_all_mistakes_come_at_once_in_the_order_of_the_file() -> None:
    """Shape, cross-references, secrets and environment are told together, the file's by line."""
    text = changed(
        ("portal_id = 1", 'portal_id = "1"'),
        ('name = "last_name"', 'name = "last_name"\npolcy = "ma"'),
        ('counter = "visits"', 'counter = "visit"'),
        ('"Closed Won" = "won"', '"Closed Won" = "one"'),
        ("[handoffs]", '[store]\npassword = "S3CR3T"\n[handoffs]'),
    )

    mistakes = mistakes_of(text, {**ENVIRON, "TASUKI_HUBSPOT_TOKEN": "", "TASUKI_SALESFORCE_ID": "x"})

    assert [(each.file, each.key) for each in mistakes] == [
        ("small.toml", "ma.portal_id"),
        ("small.toml", "fields[last_name].polcy"),
        ("small.toml", "scoring.behaviours[0].counter"),
        ("small.toml", "stages[1].milestones.Closed Won"),
        ("small.toml", "store.password"),
        ("environment", "TASUKI_HUBSPOT_TOKEN"),
        ("environment", "TASUKI_SALESFORCE_ID"),
    ]
    assert [each.line for each in mistakes if each.line] == sorted(
        each.line for each in mistakes if each.line
    )


def test_a_broken_field_is_still_known_to_those_who_name_it() -> None:
    """A field whose entry is wrong isn't reported again as missing by scoring and stages."""
    text = changed(('name = "visits"\ntype = "integer"', 'name = "visits"\ntype = "int"'))

    assert [each.key for each in mistakes_of(text)] == ["fields[visits].type"]


def test_errors_are_a_misconfiguration_and_read_as_file_line_message() -> None:
    """The whole error is a Misconfigured whose text gives each mistake a place and, below it, a mend."""
    with pytest.raises(Misconfigured) as caught:
        settings_of(changed(("portal_id = 1", 'portal_id = "1"')))

    assert str(caught.value) == (
        'small.toml:7:1: ma.portal_id: must be a whole number, not the text "1"\n'
        "    write it like key = 100, without quotes"
    )


@pytest.mark.parametrize(
    ("text", "line", "mend"),
    [
        ("[firm]\nname = Small\n", 2, "a text needs quotes"),
        ("[firm]\nname = 'Small\n", 2, "closing quote"),
        ("[firm]\nname 'Small'\n", 2, "key = value"),
        ("[firm\nname = 1\n", 1, "close the heading"),
        ("[firm]\n[firm]\n", 2, "written once"),
        ("a = 1\na = 2\n", 2, "written once"),
        ("a = [1,\n2\n", 2, "closing bracket"),
        ("a = '''\nx\ny\n", 3, "closing quote"),
        ('a = "\\q"\n', 1, "backslash"),
        ("a = {b = 1}\na.c = 2\n", 2, ""),
        ("\n\na = 1 b = 2", 3, "one key = value on each line"),
        ("a = " + "[" * 5_000, 1, ""),
        ("a = " + "1" * 5_000, 1, ""),
    ],
)
def test_text_that_is_no_toml_is_told_by_its_line(text: str, line: int, mend: str) -> None:
    """A syntax error is one mistake with its line and a hint."""
    (mistake,) = mistakes_of(text)

    assert mistake.line == line
    assert "not valid TOML" in mistake.problem
    assert mend in mistake.mend


def test_a_syntax_error_does_not_hide_a_misspelt_variable() -> None:
    """The environment is checked whatever the file is."""
    mistakes = mistakes_of("=", {"TASUKI_HUBSPOT_TOKN": "x"})

    assert [each.file for each in mistakes] == ["small.toml", "environment"]


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    """A file from an editor on Windows loads, and its lines count the same."""
    path = tmp_path / "tasuki.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load(path, ENVIRON).firm.name == "Small KK"

    path.write_bytes(changed(("portal_id = 1", "portal_id = 0")).replace("\n", "\r\n").encode())
    with pytest.raises(ConfigurationErrors) as caught:
        load(path, ENVIRON)
    assert (caught.value.mistakes[0].line, caught.value.mistakes[0].column) == (7, 1)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """No file: the mend is `tasuki init`."""
    with pytest.raises(ConfigurationErrors, match="tasuki init"):
        load(tmp_path / "tasuki.toml", ENVIRON)


def test_a_folder_or_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    """What can't be read as text is a mistake of its own, with the line of the first bad byte."""
    with pytest.raises(ConfigurationErrors, match="can't be read"):
        load(tmp_path, ENVIRON)

    path = tmp_path / "sjis.toml"
    path.write_bytes('[firm]\nname = "株式会社"\n'.encode("shift_jis"))
    with pytest.raises(ConfigurationErrors, match="not UTF-8") as caught:
        load(path, ENVIRON)
    assert caught.value.mistakes[0].line == 2


def test_the_data_folder_is_seen_from_the_file(tmp_path: Path) -> None:
    """The folder of the embedded parts doesn't depend on where the command is called."""
    (tmp_path / "tasuki.toml").write_text(SMALL)

    assert load(tmp_path / "tasuki.toml", ENVIRON).data_folder == tmp_path / ".tasuki"


def test_fields_become_rules_where_both_sides_keep_them() -> None:
    """One-sided fields and what tasuki works out have no policy; the defaults of policies hold."""
    rules = settings_of().rules

    assert set(rules.fields) == {"email", "last_name", "company", "source", "opted_out"}
    assert rules.fields["email"] == FieldRule(name="email", policy=Policy.LATEST)
    assert rules.fields["opted_out"].policy is Policy.NEVER_LOOSEN
    assert rules.produced == {Side.SFA: {"score"}, Side.MA: set()}


def test_what_tasuki_works_out_may_go_to_both_sides_and_needs_no_policy() -> None:
    """A score mapped on both sides is written to both, and is no field to be reconciled."""
    rules = settings_of(
        changed(('sfa = "Tasuki_Score__c"', 'sfa = "Tasuki_Score__c"\nma = "tasuki_score"'))
    ).rules

    assert "score" not in rules.fields
    assert rules.produced == {Side.SFA: {"score"}, Side.MA: {"score"}}


def test_a_side_that_is_only_read_decides() -> None:
    """Left out, the policy of a field with a read-only side is that side."""
    text = changed(('ma = "lastname"', 'ma = { name = "lastname", read_only = true }'))

    rule = settings_of(text).rules.fields["last_name"]

    assert rule == FieldRule(name="last_name", policy=Policy.MA, write_ma=False, write_sfa=True)


def test_names_that_differ_by_object_become_a_mapped_field_each() -> None:
    """Lead and Contact may call a field differently, or one of them lack it."""
    text = changed(('{ lead = "Company" }', '{ lead = "Company", contact = "Firm__c" }'))

    mapped = {each.vendor_name: each for each in settings_of(text).sfa_fields.of(Kind.LEAD)}

    assert mapped["Company"] == MappedField(name="company", vendor_name="Company", objects=("Lead",))
    assert mapped["Firm__c"] == MappedField(name="company", vendor_name="Firm__c", objects=("Contact",))
    assert mapped["LastName"].objects == ()
    assert mapped["Status"] == MappedField(
        name="sfa_status", vendor_name="Status", objects=("Lead",), writable=False
    )


def test_both_field_maps_carry_types_values_money_and_time() -> None:
    """What the connectors need of the firm is in their field map."""
    settings = settings_of(changed(('name = "Small KK"', 'name = "Small KK"\ncurrency = "USD"')))

    ma = {each.name: each for each in settings.field_map(Side.MA).of(Kind.LEAD)}
    assert ma["source"].values == {"Webサイト": "web"}
    assert ma["visits"] == MappedField(
        name="visits", vendor_name="hs_analytics_num_visits", type=FieldType.INTEGER, writable=False
    )
    assert (settings.ma_fields.currency, settings.ma_fields.time_zone) == ("USD", "Asia/Tokyo")
    assert settings.sfa_fields.currency == "USD"


def test_scoring_stages_and_handoffs_arrive_in_the_domain() -> None:
    """Rules hold what the file says, durations as the domain counts them."""
    rules = settings_of().rules

    assert rules.scoring.threshold == 10
    assert rules.scoring.behaviours[0].label_ja == "Visits"
    assert rules.scoring.attributes[0].operands == ("web",)
    assert rules.stages[0].milestones == {"Qualified": Milestone.SQL}
    assert (rules.handoffs.task_due_hours, rules.handoffs.opportunity_close_days) == (24, 90)
    assert (rules.tie_order, rules.skew_ms, rules.language) == ((Side.SFA, Side.MA), 2_000, "ja")


def test_points_that_get_old_arrive_in_days_and_the_lower_mark_is_a_share() -> None:
    """The file says durations, the domain counts calendar days; left out, nothing gets old."""
    text = SMALL.replace("cap = 20\n", 'cap = 20\nlapse_after = "180d"\nhalve_every = "30d"\n')
    plain, aging = settings_of().rules.scoring, settings_of(text).rules.scoring

    assert (aging.behaviours[0].lapse_days, aging.behaviours[0].halving_days) == (180, 30)
    assert (plain.behaviours[0].lapse_days, plain.ages, aging.ages) == (None, False, True)
    assert plain.rearm_at == 8
    assert plain.mark != aging.mark


def test_a_score_can_be_read_from_marketing() -> None:
    """With source "ma" the score is a field's value, and there are no rules."""
    head, _, _ = SMALL.partition("[[scoring.behaviours]]")
    text = head.replace("threshold = 10", 'threshold = 10\nsource = "ma"\nfield = "visits"')

    scoring = settings_of(text).rules.scoring

    assert (scoring.read_from, scoring.behaviours) == ("visits", ())


def test_settings_are_frozen() -> None:
    """Nothing changes after loading: no attribute, no section, no mapping of the rules."""
    settings = settings_of()

    with pytest.raises(FrozenInstanceError):
        settings.source = "x"  # pyright: ignore[reportAttributeAccessIssue] - that is the point
    with pytest.raises(ValidationError):
        settings.ma.portal_id = 5
    with pytest.raises(TypeError):
        settings.rules.fields["x"] = settings.rules.fields["email"]  # pyright: ignore[reportIndexIssue] - likewise


def test_the_webhook_address_is_the_public_one() -> None:
    """The vendor signs the address that it calls."""
    assert settings_of().webhook_url("hubspot") == "https://tasuki.small.example/webhooks/hubspot"
