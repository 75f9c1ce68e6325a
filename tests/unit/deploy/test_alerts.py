"""The alert rules against what the services export and what the runbook says."""

import re
from typing import Any

import pytest
import yaml

from tests import promql
from tests.deploy_tools import ROOT

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/helm/tasuki/alerts.yml").read_text(encoding="utf-8"))[
        "groups"
    ]
    for rule in group["rules"]
]
EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@EACH
def test_each_rule_names_what_is_exported(rule: dict[str, Any]) -> None:
    """Series, labels and the values of closed lists; PromQL that a real parser takes."""
    assert promql.wrong(rule["expr"]) == []


@EACH
def test_each_rule_leads_to_a_heading_of_the_runbook(rule: dict[str, Any]) -> None:
    """Whoever is woken by it finds what to do at once."""
    page, _, heading = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/runbook.md"
    assert heading in anchors(page)


@EACH
def test_each_rule_says_what_it_means_with_labels_that_it_has(rule: dict[str, Any]) -> None:
    """A summary, a description, a severity; a label that the result lacks would be a blank."""
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert re.fullmatch(r"Tasuki[A-Z]\w+", rule["alert"])
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(annotations.values())))
    grouped = re.search(r"\b(sum|max|min|avg|count)\b|histogram_quantile", rule["expr"])
    assert named <= (promql.asked(rule["expr"]).labels if grouped else promql.SCRAPED)


def test_names_are_unique_and_those_who_must_wake_are_few() -> None:
    """Critical is what stops handoffs, loses what nobody can bring back, or keeps people untold."""
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
    assert 0 < sum(rule["labels"]["severity"] == "critical" for rule in RULES) < len(RULES) / 2


def test_each_trouble_of_a_vendor_has_its_alert() -> None:
    """Whatever makes calls wait is told."""
    asked = {
        value
        for rule in RULES
        for series in promql.asked(rule["expr"]).series
        if series.name == "tasuki_vendor_waiting"
        for label, value in series.matched
        if label == "reason"
    }
    assert asked == set(promql.closed_values("tasuki_vendor_waiting", "reason"))


OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@EACH
def test_each_rule_stands_in_the_operations_page(rule: dict[str, Any]) -> None:
    """With the same place in the runbook."""
    wakes = " (wakes somebody)" if rule["labels"]["severity"] == "critical" else ""
    (link,) = re.findall(
        rf"^\| `{rule['alert']}`{re.escape(wakes)} \| \[.+\]\((.+)\) \|$", OPERATIONS, re.MULTILINE
    )
    assert f"docs/{link}" == rule["annotations"]["runbook_url"]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((\w+\.md)(?:#([\w-]+))?\)", OPERATIONS))))
def test_each_link_of_the_operations_page_leads_somewhere(link: tuple[str, str]) -> None:
    """To a page, and to a heading of it."""
    page, heading = link
    assert (ROOT / "docs" / page).is_file()
    assert not heading or heading in anchors(f"docs/{page}")


def test_the_operations_page_names_no_alert_that_is_gone() -> None:
    """A row without a rule would send people looking."""
    named = set(re.findall(r"^\| `(Tasuki\w+)`", OPERATIONS, re.MULTILINE))
    assert named == {rule["alert"] for rule in RULES}
