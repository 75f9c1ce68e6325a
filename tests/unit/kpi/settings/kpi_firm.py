"""A firm that says all there is to say of its KPIs, promises and alerts, and how the tests load and break its file."""

from pathlib import Path

from services.kpi.settings import Settings, loads

ENVIRON = {
    "PATH": "/usr/bin",
    "TASUKI_SINK_CHAT_URL": "https://hooks.chat.example/S3CR3T",
    "TASUKI_SINK_MAIL_URL": "mailtos://u:S3CR3T@smtp.firm.example?to={target}",
    "TASUKI_SINK_OWN_SYSTEM_URL": "https://receiver.firm.example/S3CR3T",
    "TASUKI_SINK_OWN_SYSTEM_SECRET": "S3CR3T-of-sixteen-characters",
    "TASUKI_FEED_KEY_DASHBOARD": "S3CR3T-key-of-the-dashboard",
}
FIRM = """\
[firm]
name = "KPI KK"
public_url = "https://tasuki.firm.example"

[kpi]
dimensions = ["role", "team", "source"]
horizons_days = [7, 30]
customer = "customer_type"
existing = ["old"]
keep_minutes = "3d"
keep_hours = "100d"
first_weekday = "sun"
fiscal_month = 1
clock_grace = "1m"
clock_batch = 50

[kpi.outcomes]
"本人と会話" = "contact"

[kpi.goals]
revenue = 100_000_000
average_order = 5_000_000
win_rate = 0.2
opportunity_rate = 0.15

[kpi.targets]
sql_rate = { sdr = 0.35 }
opportunity_rate = { sdr = [0.2, 0.25], bdr = "none" }
calls = { bdr = 80 }
time_to_first_response = { sdr = "2h" }
opportunities = { sdr = 40 }

[calendars.office]
weekdays = ["09:00-12:00", "13:00-18:00"]
fri = ["09:00-12:00"]
holidays = "JP"
closed = [2026-11-24]
closed_yearly = ["12-29", "02-29"]
special = { 2026-11-28 = ["10:00-15:00"] }

[calendars.night]
time_zone = "Europe/Berlin"
mon = ["22:00-06:00"]

[[sla]]
name = "response"
label = "response"
label_ja = "対応"
starts = ["mql"]
stops = ["first_response", "activity:call"]
cancels = ["lost"]
resets = ["offered:mql"]
reopens = ["recycled"]
reopening = "resume"
breach_notify = ["owner", "team-lead"]
overdue = "each"
[[sla.targets]]
within = "30m"
when = { temperature = ["hot", "warm"], vip = [true] }
[[sla.targets]]
within = "8h"
calendar = "office"
[[sla.pauses]]
begins = ["activity:meeting"]
ends = ["activity:email"]
[[sla.warnings]]
share = 0.5
[[sla.warnings]]
share = 0.9
notify = ["team-lead"]
[[sla.escalations]]
after = "2h"
notify = ["team-lead"]
[[sla.escalations]]
share = 3
notify = ["boss@firm.example"]
reassign = true

[[sla]]
name = "meeting"
starts = ["sql"]
stops = ["appointment"]
targets = [{ within = "48h" }]

[[people]]
email = "sdr@firm.example"
name = "佐藤 花子"
team = "東京"
addresses = { mail = "hanako@firm.example" }

[[people]]
email = "boss@firm.example"
name = "鈴木 一郎"

[[roles]]
role = "team-lead"
person = "boss@firm.example"

[[roles]]
role = "team-lead"
team = "東京"
person = "sdr@firm.example"

[[sinks]]
name = "chat"
language = "en"
window = "1m"
most_alerts = 100
most_lines = 5
limit = 3
period = "30m"
quiet = { hours = ["20:00-08:00", "sat-sun 00:00-24:00"], passes = "breach", policies = ["response"] }

[[sinks]]
name = "mail"

[[sinks]]
name = "own-system"
kind = "webhook"
timeout = "5s"

[[sinks]]
name = "tasks"
kind = "sales-task"

[[routes]]
sink = "mail"
roles = ["owner"]
personal = true

[[routes]]
sink = "chat"
teams = ["東京"]
segments = { source = ["web"] }
origins = ["sdr"]
policies = ["response"]
kinds = ["breached", "escalated"]
least = "breach"

[alerts]
default = ["chat", "own-system"]
link = "https://crm.firm.example/{lead_id}"
team_segment = "office"
shown_segments = ["company"]

[feed]
host = "0.0.0.0"
port = 9000
public_url = "https://kpi.firm.example/"

[[feed.keys]]
name = "dashboard"
role = "operate"
"""
SMALLEST = '[firm]\nname = "x"\npublic_url = "https://x.example"\n'


def settings_of(text: str = FIRM, environ: dict[str, str] | None = None) -> Settings:
    """Return the settings in *text*, as the file kpi.toml in /firm."""
    return loads(text, ENVIRON if environ is None else environ, file="kpi.toml", folder=Path("/firm"))


def smallest() -> Settings:
    """Return the settings of a file without a word of KPIs."""
    return settings_of(SMALLEST, {})
