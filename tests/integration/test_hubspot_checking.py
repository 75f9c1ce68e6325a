"""`check` finds what is wrong with a HubSpot account and says how to mend it."""

from dataclasses import replace
from typing import Any

from services.sync.adapters.hubspot import OAuthGrant
from services.sync.adapters.hubspot.sandbox import SandboxSettings
from services.sync.adapters.sandbox.faults import Faults
from services.sync.application.ports import Finding, Severity
from services.sync.domain.field_map import FieldMap, FieldType, MappedField
from services.sync.domain.records import Kind
from tests.integration.hubspot_world import BUSY, FIELD_MAP, open_world


async def findings(
    settings: SandboxSettings = BUSY,
    field_map: FieldMap = FIELD_MAP,
    subscribe: tuple[str, ...] = (),
    **account: Any,
) -> dict[str, Finding]:
    """Return the findings by subject, with what is OK left out."""
    async with open_world(settings, field_map=field_map, **account) as world:
        world.sandbox.state.subscribe(*subscribe)
        found = await world.connector.check()
    assert all(each.mend for each in found if each.severity is not Severity.OK)
    return {each.subject: each for each in found if each.severity is not Severity.OK}


async def test_a_sound_account_has_nothing_but_the_subscriptions_that_cannot_be_read() -> None:
    """A private app's subscriptions are HubSpot's secret; the finding lists what should be there."""
    found = await findings()
    assert set(found) == {"webhook subscriptions"}
    warning = found["webhook subscriptions"]
    assert warning.severity is Severity.WARNING
    assert "contact.propertyChange of: annualrevenue, company" in warning.mend


async def test_subscriptions_are_read_with_the_developer_key() -> None:
    """Missing and paused ones are named."""
    names = [each.vendor_name for each in FIELD_MAP.of(Kind.LEAD) if each.vendor_name != "company"]
    subscribed = [f"contact.propertyChange:{name}" for name in names]
    subscribed += [f"contact.{each}" for each in ("creation", "deletion", "merge", "restore")]
    found = await findings(subscribe=tuple(subscribed), developer_key=BUSY.developer_key)
    assert set(found) == {
        "subscription contact.propertyChange company",
        "subscription contact.privacyDeletion",
    }


async def test_wrong_credentials_are_the_only_finding() -> None:
    """Where HubSpot doesn't know the token, nothing else can be looked at."""
    accounts: tuple[dict[str, Any], ...] = ({"token": "pat-wrong"}, {"base_url": "http://127.0.0.1:9"})
    for account in accounts:
        found = await findings(**account)
        assert [each.severity for each in found.values()] == [Severity.ERROR]
        assert set(found) == {"token"}


async def test_another_account_or_app_is_an_error() -> None:
    """A token of another portal, or of another app whose echoes we would not know."""
    found = await findings(portal_id=1, app_id=2)
    assert {"account", "app"} <= set(found)
    assert str(BUSY.app_id) in found["app"].mend


async def test_missing_scopes_are_named() -> None:
    """The scopes for contacts are looked for one by one."""
    scopes = tuple(each for each in BUSY.scopes if each != "crm.objects.contacts.write")
    found = await findings(replace(BUSY, scopes=scopes))
    assert "scope crm.objects.contacts.write" in found


async def test_an_oauth_token_is_introspected() -> None:
    """A public app's token tells account, app and scopes too."""
    grant = OAuthGrant(
        client_id=BUSY.client_id, client_secret=BUSY.client_secret, refresh_token=BUSY.refresh_token
    )
    assert set(await findings(token=None, oauth=grant)) == {"webhook subscriptions"}


async def test_properties_that_do_not_fit_are_errors() -> None:
    """Missing, of another type, or read only although mapped as writable."""
    mapped = (
        MappedField(name="seminars", vendor_name="no_such_property", type=FieldType.INTEGER),
        MappedField(name="name", vendor_name="lastname", type=FieldType.MONEY),
        MappedField(name="visits", vendor_name="hs_analytics_num_visits", type=FieldType.INTEGER),
    )
    found = await findings(field_map=FieldMap(fields={Kind.LEAD: mapped}))
    errors = {name: each.detail for name, each in found.items() if each.severity is Severity.ERROR}
    assert errors == {
        "contact property no_such_property (seminars)": "HubSpot has no such property",
        "contact property lastname (name)": "its type is string, which holds no money",
        "contact property hs_analytics_num_visits (visits)": "HubSpot does not let its value be written",
    }


async def test_the_own_property_must_be_there_with_unique_values() -> None:
    """Without it a repeated write could make a contact twice; the finding says how to create it."""
    missing = await findings(replace(BUSY, own_property=None))
    assert "hasUniqueValue true" in missing["contact property tasuki_id"].mend
    common = await findings(own_property="company")
    assert common["contact property company"].detail == "its values are not unique"


async def test_little_quota_is_a_warning_and_an_outage_no_crash() -> None:
    """`check` never raises."""
    found = await findings(replace(BUSY, daily=1))
    assert found["daily quota"].severity is Severity.WARNING
    async with open_world() as world:
        world.sandbox.state.faults.set(Faults(outage=True))
        assert [each.severity for each in await world.connector.check()] == [Severity.ERROR]


async def test_people_who_are_no_users_are_named() -> None:
    """A lead given to somebody whom HubSpot doesn't know would not be written."""
    found = await findings(people=("sato@sandbox.example", "nobody@example.co.jp"))
    assert set(found) == {"webhook subscriptions", "[assignment]"}
    assert "nobody@example.co.jp" in found["[assignment]"].detail
    assert "sato" not in found["[assignment]"].detail
