"""The environment: secrets, and names that are nearly right."""

from pathlib import Path

import pytest

from services.configuration import connections
from services.configuration.environment import OTHERS, SECRETS
from services.runtime import http
from services.sync.settings import loads
from tests.unit.settings.small_firm import ENVIRON, SMALL, changed, mistakes_of, settings_of

KAFKA = """\
[log]
kind = "kafka"
bootstrap_servers = ["k:9092"]
security = "sasl-tls"
username = "u"
"""
JWT = changed(
    ('system = "salesforce"', 'system = "salesforce"\nauth = "jwt"\nusername = "tasuki@small.example"')
)


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("TASUKI_HUBSPOT_TOKN", "TASUKI_HUBSPOT_TOKEN"),
        ("TASUKI_HUBSPOT_SECRET", "TASUKI_HUBSPOT_CLIENT_SECRET"),
        ("TASUKI_SALESFORCE_CLIENTID", "TASUKI_SALESFORCE_CLIENT_ID"),
        ("TASUKI_SALESFORCE_PRIVATE_KEY", "TASUKI_SALESFORCE_PRIVATE_KEY_FILE"),
        ("tasuki_hubspot_token", "TASUKI_HUBSPOT_TOKEN"),
        ("TASUKI-HUBSPOT-TOKEN", "TASUKI_HUBSPOT_TOKEN"),
        ("TASKUI_HUBSPOT_TOKEN", "TASUKI_HUBSPOT_TOKEN"),
        ("TAUSKI_KAFKA_PASSWORD", "TASUKI_KAFKA_PASSWORD"),
        ("TASUKI_CONFG", "TASUKI_CONFIG"),
        ("TASUKI_LOUDNESS", "known: TASUKI_HUBSPOT_TOKEN"),
    ],
)
def test_a_misspelt_variable_is_a_mistake(name: str, mend: str) -> None:
    """A name that nobody reads is told, with the one that was meant."""
    (mistake,) = mistakes_of(SMALL, {**ENVIRON, name: "value-not-to-be-shown"})

    assert (mistake.file, mistake.key, mistake.line) == ("environment", name, None)
    assert mend in mistake.mend
    assert "value-not-to-be-shown" not in str(mistake)


@pytest.mark.parametrize(
    "name",
    [
        *OTHERS,
        "TASUKI_SHARED",
        "TASUKI_KAFKA",
        "TASUKI_REDIS",
        "TASUKI_CASES",
        "TASUKI_KAFKA_HOME",
        "TASUKI_SERVICE_HOST",
        "TASUKI_SYNC_SERVICE_PORT",
        "TASUKI_SYNC_SERVICE_PORT_HTTP",
        "TASUKI_SYNC_PORT",
        "TASUKI_SYNC_PORT_8080_TCP",
        "TASUKI_SYNC_PORT_8080_TCP_ADDR",
        "HUBSPOT_TOKEN",
        "OTHER_HUBSPOT_TOKEN",
        "KAFKA_PASSWORD",
        "",
    ],
)
def test_other_variables_are_let_be(name: str) -> None:
    """Those of the tests, of Kubernetes, and of other programs are no mistakes."""
    assert mistakes_of(SMALL, {**ENVIRON, name: "x"}) == ()


@pytest.mark.parametrize("name", [name for name in ENVIRON if name in SECRETS])
@pytest.mark.parametrize("value", [None, "", "two\n", " lines"])
def test_a_secret_that_is_called_for_must_be_of_use(name: str, value: str | None) -> None:
    """A secret that is unset, empty or wrapped in blanks is told by name, never by value."""
    environ = {key: each for key, each in ENVIRON.items() if key != name}

    (mistake,) = mistakes_of(SMALL, environ if value is None else {**environ, name: value})

    assert mistake.key == name


def test_a_command_that_talks_to_no_vendor_can_do_without_secrets() -> None:
    """Unset secrets are None then."""
    settings = loads(SMALL, {}, file="f", folder=Path(), need_secrets=False)

    assert settings.secrets.hubspot_token is None


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        (
            changed(("app_id = 2", 'app_id = 2\nauth = "oauth"')),
            {"TASUKI_HUBSPOT_CLIENT_ID", "TASUKI_HUBSPOT_CLIENT_SECRET", "TASUKI_HUBSPOT_REFRESH_TOKEN"},
        ),
        (JWT, {"TASUKI_HUBSPOT_TOKEN", "TASUKI_HUBSPOT_CLIENT_SECRET", "TASUKI_SALESFORCE_PRIVATE_KEY_FILE"}),
        (
            changed(("[handoffs]", KAFKA + "[handoffs]")),
            {"TASUKI_HUBSPOT_TOKEN", "TASUKI_HUBSPOT_CLIENT_SECRET", "TASUKI_KAFKA_PASSWORD"},
        ),
    ],
)
def test_the_choices_in_the_file_decide_which_secrets_are_needed(text: str, needed: set[str]) -> None:
    """Each way to sign in calls for its own."""
    found = {each.key for each in mistakes_of(text, {})}

    assert found - {"TASUKI_SALESFORCE_CLIENT_ID", "TASUKI_SALESFORCE_CLIENT_SECRET"} == needed


def test_a_door_that_others_can_reach_needs_a_key() -> None:
    """Listening beyond this machine calls for an API key that can't be guessed; on this machine none is needed."""
    text = SMALL + '\n[http]\nhost = "0.0.0.0"\n'
    assert [each.key for each in mistakes_of(text)] == ["TASUKI_API_KEY"]
    assert "can be guessed" in mistakes_of(text, {**ENVIRON, "TASUKI_API_KEY": "short"})[0].problem

    key = settings_of(text, {**ENVIRON, "TASUKI_API_KEY": "x" * 16}).secrets.api_key
    assert key is not None
    assert mistakes_of(SMALL + '\n[http]\nhost = "127.0.0.2"\n') == ()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "[::1]", "10.0.0.1", "example.com", ""])
def test_settings_and_server_agree_on_what_others_can_reach(host: str) -> None:
    """The rule is written twice, since the server's module takes half a second to import."""
    assert connections.is_loopback(host) is http.is_loopback(host)


def test_the_private_key_is_read_from_its_file(tmp_path: Path) -> None:
    """The settings hold the key itself; a path that leads nowhere, or to no key, is told without its content."""
    key = tmp_path / "key.pem"
    environ = {**ENVIRON, "TASUKI_SALESFORCE_PRIVATE_KEY_FILE": str(key)}
    assert "can't be read" in mistakes_of(JWT, environ)[0].problem

    key.write_text("S3CR3T but no key")
    (mistake,) = mistakes_of(JWT, environ)
    assert "holds no private key" in mistake.problem
    assert "S3CR3T" not in str(mistake)

    key.write_text("-----BEGIN PRIVATE KEY-----\nS3CR3T\n-----END PRIVATE KEY-----\n")
    secret = settings_of(JWT, environ).secrets.salesforce_private_key
    assert secret is not None
    assert "S3CR3T" in secret.get_secret_value()


def test_settings_never_show_a_secret() -> None:
    """Printing the settings prints stars."""
    text = repr(settings_of())

    assert "a-token" not in text
    assert "client-secret" not in text
