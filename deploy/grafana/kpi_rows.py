"""What is counted and promised: KPIs, clocks, alerts, sinks."""

from deploy.grafana.panels import Panel, Query, Row, both, grown, rate


def kpi(title: str, unit: str, tells: str, named: str) -> Panel:
    """Return the KPIs that the matcher *named* selects, as bars, for all roles together."""
    question = f'max by (metric) (tasuki_kpi_value{{{named}, role="all"}})'
    return Panel(
        title=title,
        unit=unit,
        tells=tells,
        queries=(Query(question, "{{metric}}"),),
        kind="bargauge",
        width=6,
    )


# What a KPI's value is follows from its name.
SHARES = ".+_rate|sla_attainment"
MONEY = ".+_amount"
TIMES = "time_.+|.+_delay"

KPIS = Row(
    "KPIs",
    (
        kpi(
            "Counts",
            "short",
            "How often, over the first window of snapshot_windows, SDR and BDR together. No bar: no data.",
            f'metric!~"{SHARES}|{MONEY}|{TIMES}"',
        ),
        kpi("Shares", "percentunit", "Rates of that window, by when it happened.", f'metric=~"{SHARES}"'),
        kpi("Times", "ms", "Median times of that window.", f'metric=~"{TIMES}"'),
        kpi(
            "Money",
            "short",
            "Amounts of that window, in the smallest unit (yen, cents).",
            f'metric=~"{MONEY}"',
        ),
        Panel(
            title="Funnel over time: SDR",
            unit="short",
            tells="What inbound leads became, over the window that ends at each moment.",
            queries=(
                Query(
                    "max by (metric) (tasuki_kpi_value{"
                    'metric=~"leads|mqls|sqls|opportunities|effective_opportunities|won", role="sdr"})',
                    "{{metric}}",
                ),
            ),
        ),
        Panel(
            title="Funnel over time: BDR",
            unit="short",
            tells="What outbound leads became, over the window that ends at each moment.",
            queries=(
                Query(
                    "max by (metric) (tasuki_kpi_value{"
                    'metric=~"leads|mqls|sqls|opportunities|effective_opportunities|won", role="bdr"})',
                    "{{metric}}",
                ),
            ),
        ),
        Panel(
            title="Promises kept, by role",
            unit="percentunit",
            tells="The share of the promises due in the window that were kept in time.",
            queries=(Query('max by (role) (tasuki_kpi_value{metric="sla_attainment"})', "{{role}}"),),
        ),
    ),
)

PROMISES = Row(
    "Promises, alerts, sinks",
    (
        Panel(
            title="Clocks",
            unit="short",
            tells="Promises that are neither kept nor given up: those whose clock runs, and those past their deadline.",
            queries=(
                Query("sum(tasuki_clocks_open)", "open"),
                Query("sum(tasuki_clocks_overdue)", "overdue"),
                Query("sum(tasuki_timers_open)", "with something to tell"),
            ),
        ),
        Panel(
            title="Alerts told",
            unit="short",
            tells="Alerts on the topic, by what they tell.",
            queries=(grown("tasuki_alerts_total", "kind"),),
            stacked=True,
        ),
        Panel(
            title="Timers: how late",
            unit="s",
            tells="From a step of a promise coming due to its timer telling it.",
            queries=both("tasuki_timer_late_seconds"),
        ),
        Panel(
            title="Alerts that wait for a sink",
            unit="short",
            tells="They wait for the sink's window, limit and quiet hours, or because it is away.",
            queries=(Query("sum by (sink) (tasuki_notices_waiting)", "{{sink}}"),),
        ),
        Panel(
            title="Alerts done, by outcome",
            unit="short",
            tells="Delivered, or dropped for that reason; expired, overflow, refused and unrouted were lost to people.",
            queries=(grown("tasuki_notices_total", "sink", "outcome"),),
            stacked=True,
        ),
        Panel(
            title="Messages to sinks",
            unit="short",
            tells="Messages that left, by what came of them; a failed one is sent again.",
            queries=(grown("tasuki_notice_messages_total", "sink", "outcome"),),
        ),
        Panel(
            title="From alert to sink",
            unit="s",
            tells="From the oldest alert of a message being told to the sink having it: window, limit, quiet hours and"
            " outages included.",
            queries=both("tasuki_notice_seconds", "sink"),
        ),
        Panel(
            title="Notifications",
            unit="ops",
            tells="Notifications that came in from the vendors, pushed or streamed.",
            queries=(rate("tasuki_notifications_total", "system"),),
        ),
        Panel(
            title="Listeners of the feed",
            unit="short",
            tells="Clients that listen to the feed's events: open pages of the dashboard among them.",
            queries=(Query("sum(tasuki_feed_clients)", "listeners"),),
        ),
    ),
)
