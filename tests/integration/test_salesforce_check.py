"""`check`: what stands well, and how to mend the rest."""

from collections.abc import Sequence

from services.sync.adapters.salesforce.account import ClientCredentials, JwtBearer
from services.sync.adapters.salesforce.sandbox import SandboxSettings
from services.sync.adapters.salesforce.sandbox.fields import Field
from services.sync.application.ports import Finding, Severity
from tests.integration.salesforce_world import salesforce


def bad(findings: Sequence[Finding]) -> dict[str, Finding]:
    """Return the findings that are not OK by subject; each says how to mend it."""
    found = {each.subject: each for each in findings if each.severity is not Severity.OK}
    assert all(each.mend for each in found.values())
    return found


async def test_a_fresh_sandbox_has_nothing_to_mend() -> None:
    """Login, all objects, all channels, both limits."""
    wanted = {"Lead.Status": ("Qualified",), "Opportunity.StageName": ("Closed Won",)}
    async with salesforce(checked_values=wanted) as world:
        findings = await world.connector.check()
    assert bad(findings) == {}
    assert len(findings) == 13


async def test_a_wrong_secret_stops_the_check_at_the_login() -> None:
    """Nothing else can be said then."""
    wrong = ClientCredentials(client_id="tasuki-sandbox", client_secret="wrong")
    async with salesforce(auth=wrong) as world:
        findings = await world.connector.check()
    assert list(bad(findings)) == ["login"]
    assert "invalid client credentials" in findings[0].detail


async def test_a_private_key_that_is_none_is_named() -> None:
    """A path was put where the key belongs, for instance."""
    wrong = JwtBearer(client_id="tasuki-sandbox", username="u", private_key="/etc/key.pem")
    async with salesforce(auth=wrong) as world:
        assert "private key" in bad(await world.connector.check())["login"].detail


async def test_a_vendor_that_is_away_is_named() -> None:
    """`check` never raises."""
    async with salesforce() as world:
        await world.faults(outage=True)
        assert list(bad(await world.connector.check())) == ["login"]


async def test_missing_and_closed_fields_are_named() -> None:
    """A mapped field that cannot be written, an external id that is none, a stage that nobody has."""
    closed = Field(name="Tasuki_Score__c", type="double", updateable=False)
    plain = Field(name="Tasuki_Id__c", external_id=False, unique=False)
    settings = SandboxSettings(extra_fields={"Lead": (closed,), "Activity": (plain,)})
    async with salesforce(settings, checked_values={"Lead.Status": ("Qualified", "SQL")}) as world:
        del world.sandbox.state.schema.objects["Contact"].fields["MailingCountry"]  # type: ignore[attr-defined]
        found = bad(await world.connector.check())
    assert found.keys() == {
        "Contact.MailingCountry",
        "Lead.Tasuki_Score__c",
        "Lead.Status",
        "Task.Tasuki_Id__c",
    }
    assert "'SQL'" in found["Lead.Status"].detail
    assert "External ID" in found["Task.Tasuki_Id__c"].mend


async def test_an_object_without_change_data_capture_is_named() -> None:
    """The administrator forgot to select it."""
    settings = SandboxSettings(cdc_objects=("Lead", "Contact", "Opportunity", "Event"))
    async with salesforce(settings) as world:
        found = bad(await world.connector.check())
    assert found.keys() == {"/data/TaskChangeEvent"}
    assert "Change Data Capture" in found["/data/TaskChangeEvent"].mend


async def test_another_users_login_and_a_low_quota_are_named() -> None:
    """A user id that is not the app's, and few calls left."""
    async with salesforce(SandboxSettings(daily_calls=11), integration_user_id="0055g0000000099AAA") as world:
        found = bad(await world.connector.check())
    assert found.keys() == {"integration user"}
    async with salesforce(SandboxSettings(daily_calls=8)) as world:
        found = bad(await world.connector.check())
    assert found["API calls"].severity is Severity.WARNING


async def test_people_who_are_no_users_are_named() -> None:
    """A lead given to somebody whom Salesforce doesn't know would stay out."""
    async with salesforce(people=("Sato@sales.example", "nobody@example.co.jp")) as world:
        found = bad(await world.connector.check())
    assert list(found) == ["[assignment]"]
    assert "address nobody@example.co.jp;" in found["[assignment]"].detail
