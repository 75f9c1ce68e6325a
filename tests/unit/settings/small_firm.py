"""The smallest configuration that is in order, and how the tests load and break it."""

from pathlib import Path

from services.sync.settings import ConfigurationErrors, Mistake, Settings, loads

ENVIRON = {
    "PATH": "/usr/bin",
    "TASUKI_HUBSPOT_TOKEN": "a-token",
    "TASUKI_HUBSPOT_CLIENT_SECRET": "a-client-secret",
    "TASUKI_SALESFORCE_CLIENT_ID": "a-client-id",
    "TASUKI_SALESFORCE_CLIENT_SECRET": "another-client-secret",
}
SMALL = """\
[firm]
name = "Small KK"
public_url = "https://tasuki.small.example"

[ma]
system = "hubspot"
portal_id = 1
app_id = 2

[sfa]
system = "salesforce"
login_url = "https://small.my.salesforce.com"

[[fields]]
name = "email"
type = "email"
ma = "email"
sfa = "Email"

[[fields]]
name = "last_name"
ma = "lastname"
sfa = "LastName"

[[fields]]
name = "company"
ma = "company"
sfa = { lead = "Company" }

[[fields]]
name = "source"
ma = { name = "origin", values = { "Webサイト" = "web" } }
sfa = "LeadSource"

[[fields]]
name = "opted_out"
type = "boolean"
ma = "hs_email_optout"
sfa = "HasOptedOutOfEmail"

[[fields]]
name = "visits"
type = "integer"
ma = { name = "hs_analytics_num_visits", read_only = true }

[[fields]]
name = "sfa_status"
sfa = { name = "Status", objects = ["Lead"], read_only = true }

[[fields]]
name = "score"
type = "integer"
sfa = "Tasuki_Score__c"

[[fields]]
kind = "opportunity"
name = "stage"
sfa = "StageName"

[scoring]
threshold = 10

[[scoring.behaviours]]
counter = "visits"
points = 2
cap = 20
label = "Visits"

[[scoring.attributes]]
field = "source"
operator = "is"
operands = ["web"]
points = 5
label = "Came by the web"

[[stages]]
kind = "lead"
field = "sfa_status"
milestones = { "Qualified" = "sql" }

[[stages]]
kind = "opportunity"
field = "stage"
[stages.milestones]
"Closed Won" = "won"

[handoffs]
task_due = "24h"
"""


def settings_of(text: str = SMALL, environ: dict[str, str] | None = None) -> Settings:
    """Return the settings in *text*, as the file small.toml in /firm."""
    return loads(text, ENVIRON if environ is None else environ, file="small.toml", folder=Path("/firm"))


def mistakes_of(text: str = SMALL, environ: dict[str, str] | None = None) -> tuple[Mistake, ...]:
    """Return the mistakes in *text*; none when it is in order."""
    try:
        settings_of(text, environ)
    except ConfigurationErrors as errors:
        return errors.mistakes
    return ()


def changed(*changes: tuple[str, str]) -> str:
    """Return the small firm's file with each first text replaced by its second, where it comes first."""
    text = SMALL
    for old, new in changes:
        assert old in text, f"the small firm has no {old!r}"
        text = text.replace(old, new, 1)
    return text
