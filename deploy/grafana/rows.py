"""The rows of the dashboard, from what matters at a glance down to the processes."""

from deploy.grafana.flow_rows import HANDOFF, LOG, SET_ASIDE
from deploy.grafana.kpi_rows import KPIS, PROMISES
from deploy.grafana.panels import HANDOFF_P99_S, Panel, Query, Row, grown, increase, stat
from deploy.grafana.vendor_rows import SWEEPS, VENDORS

GLANCE = Row(
    "At a glance",
    (
        stat(
            "Processes not ready",
            "short",
            "Processes that say they don't do their work now; /health/ready of each tells why.",
            "count(tasuki_ready == 0) or vector(0)",
            bad_from=1,
        ),
        stat(
            "Handoffs in 24 h",
            "short",
            "MQLs and SQLs that were handed over and stand in the sales tool.",
            f"sum({increase('tasuki_handoffs_total', '24h')})",
        ),
        stat(
            "Handoff p99 in 1 h",
            "s",
            "From the webhook being accepted to the write leaving for the sales tool; promised are 150 ms at"
            " 100 events a second.",
            "histogram_quantile(0.99, sum by (le) (rate(tasuki_handoff_seconds_bucket[1h])))",
            bad_from=HANDOFF_P99_S,
        ),
        stat(
            "Records behind",
            "short",
            "Records of all topics that are not processed yet.",
            "sum(tasuki_lag_records)",
            bad_from=10_000,
        ),
        stat(
            "Systems waiting",
            "short",
            "Vendors' systems for which calls wait: unavailable, throttled, refused; the panel Circuits names the"
            " reason.",
            "count(max by (system) (tasuki_vendor_waiting)) or vector(0)",
            bad_from=1,
        ),
        stat(
            "Dead letters in 24 h",
            "short",
            "Records put aside for a person: `tasuki dead-letters list`.",
            f"sum({increase('tasuki_dead_letters_total', '24h')})",
            bad_from=1,
        ),
        stat(
            "Drift in 24 h",
            "short",
            "Differences between the two systems that no notification told of; the sweep repaired them. Should be 0.",
            f"sum({increase('tasuki_drift_total', '24h')})",
            bad_from=1,
        ),
        stat(
            "Overdue clocks",
            "short",
            "Promises whose deadline has passed and that are not kept yet.",
            "sum(tasuki_clocks_overdue)",
            bad_from=1,
        ),
    ),
)

PROCESSES = Row(
    "Processes",
    (
        Panel(
            title="Processor",
            unit="percentunit",
            tells="Share of one core. A process uses one at most: more shards need more processes.",
            queries=(Query("rate(process_cpu_seconds_total[$__rate_interval])", "{{job}} {{instance}}"),),
            width=6,
            bad_from=0.9,
        ),
        Panel(
            title="Memory",
            unit="bytes",
            tells="Resident memory.",
            queries=(Query("process_resident_memory_bytes", "{{job}} {{instance}}"),),
            width=6,
        ),
        Panel(
            title="Event loop: worst delay in a minute",
            unit="s",
            tells="How long the process did nothing else. Above a second, something blocks.",
            queries=(Query("tasuki_loop_delay_seconds", "{{job}} {{instance}}"),),
            width=6,
            bad_from=1,
        ),
        Panel(
            title="Connections refused",
            unit="short",
            tells="Connections turned away before a handler saw them.",
            queries=(grown("tasuki_http_connections_refused_total", "reason"),),
            width=6,
        ),
    ),
)

ROWS = (GLANCE, HANDOFF, LOG, SET_ASIDE, VENDORS, SWEEPS, KPIS, PROMISES, PROCESSES)
