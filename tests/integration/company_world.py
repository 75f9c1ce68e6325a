"""Firms whose companies are kept: the demo's field map with companies' fields, and what people do to companies."""

from typing import Any

import tomlkit

from services.sync.adapters.sandbox.admin import Act
from services.sync.domain.company import COMPANY_PREFIX
from services.sync.settings import Sections
from services.sync.settings.template import template
from tests.integration.sweep_world import SweepWorld

_FIELDS: list[dict[str, Any]] = [
    {"name": "domain", "type": "domain", "ma": "domain", "sfa": {"name": "Website", "lead": "Website"}},
    {"name": "company_phone", "type": "phone", "ma": "phone", "sfa": "Phone"},
    {"name": "company_industry", "policy": "fill-blank", "ma": "industry", "sfa": "Industry"},
    {
        "name": "company_size",
        "type": "integer",
        "policy": "sfa",
        "ma": "numberofemployees",
        "sfa": "NumberOfEmployees",
    },
    {"name": "company_owner", "type": "owner", "policy": "sfa", "ma": "hubspot_owner_id", "sfa": "OwnerId"},
]


def with_companies(**more: Any) -> Sections:
    """Return the sections of a configuration that keeps companies."""
    fields = [dict(each) for each in tomlkit.parse(template())["fields"].unwrap()]
    return {"fields": [*fields, *({**each, "kind": "company"} for each in _FIELDS)], **more}


def company(world: SweepWorld, act: str = "create", **more: Any) -> str:
    """Let marketing's people act on a company; return its id."""
    done = world.hubspot.desk.act(Act(act=act, object="company", **more))
    assert done.error is None, done.error
    return str(done.id)


def account(world: SweepWorld, act: str = "create", **more: Any) -> str:
    """Let sales' people act on an account; return its id."""
    return world.sales(act, "Account", **more)


def companies(world: SweepWorld, row_id: str) -> dict[str, str]:
    """Return what marketing holds of a company."""
    return world.hubspot.state.store.rows["company"][row_id].values


def accounts(world: SweepWorld) -> list[dict[str, Any]]:
    """Return the accounts that sales holds."""
    rows = world.salesforce.state.tables["Account"].rows.values()
    return [dict(each) for each in rows if not each["IsDeleted"]]


__all__ = ["COMPANY_PREFIX", "account", "accounts", "companies", "company", "with_companies"]
