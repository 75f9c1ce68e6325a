"""
The catalogue of metrics: name, kind, unit, meaning, labels. `docs/metrics.md` is generated from it.

Counters end in `_total`, durations in `_seconds`. A label's values are a closed list, or "configured" where
the configuration bounds them (systems, topics, partitions …): then at most 200 are kept, the rest is "other".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

CounterName = Literal[
    "tasuki_door_requests_total",
    "tasuki_notifications_total",
    "tasuki_observed_records_total",
    "tasuki_vendor_reads_total",
    "tasuki_vendor_writes_total",
    "tasuki_vendor_calls_total",
    "tasuki_quota_held_total",
    "tasuki_handoffs_total",
    "tasuki_decisions_total",
    "tasuki_conflicts_total",
    "tasuki_echoes_suppressed_total",
    "tasuki_echo_false_drops_total",
    "tasuki_loops_total",
    "tasuki_fights_total",
    "tasuki_dead_letters_total",
    "tasuki_drift_total",
    "tasuki_swept_records_total",
    "tasuki_sweeps_total",
    "tasuki_stream_losses_total",
    "tasuki_commits_total",
    "tasuki_http_connections_refused_total",
    "tasuki_notices_total",
    "tasuki_notice_messages_total",
    "tasuki_alerts_total",
]
GaugeName = Literal[
    "tasuki_dispatch_dirty_leads",
    "tasuki_lag_records",
    "tasuki_outbox_records",
    "tasuki_quota_remaining_calls",
    "tasuki_vendor_waiting",
    "tasuki_stream_age_seconds",
    "tasuki_sweep_age_seconds",
    "tasuki_silent_seconds",
    "tasuki_backfill_records",
    "tasuki_handoff_vendor_calls",
    "tasuki_loop_delay_seconds",
    "tasuki_ready",
    "tasuki_notices_waiting",
    "tasuki_timers_open",
    "tasuki_clocks_open",
    "tasuki_clocks_overdue",
    "tasuki_kpi_value",
    "tasuki_feed_clients",
]
HistogramName = Literal[
    "tasuki_door_seconds",
    "tasuki_vendor_read_seconds",
    "tasuki_vendor_write_seconds",
    "tasuki_write_batch_records",
    "tasuki_handoff_seconds",
    "tasuki_batch_records",
    "tasuki_fold_seconds",
    "tasuki_commit_seconds",
    "tasuki_relay_seconds",
    "tasuki_notice_seconds",
    "tasuki_timer_late_seconds",
]
MetricName = CounterName | GaugeName | HistogramName
Kind = Literal["counter", "gauge", "histogram"]
Values: TypeAlias = tuple[str, ...] | Literal["configured"]

CONFIGURED: Literal["configured"] = "configured"
OTHER = "other"

# A message may wait for others, for the morning, or for a sink to come back.
LONG_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0)
# 1 ms to 60 s; 30, 150 and 300 ms are the promised figures, so they are borders, not guesses between two.
SECONDS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
)
RECORDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)

CALL_OUTCOMES = ("ok", "throttled", "unavailable", "unauthorised", "forbidden", "refused")
TROUBLES = ("throttled", "unavailable", "credentials-refused", "permission-missing", "everything-refused")
WRITE_OUTCOMES = ("confirmed", "created", "refused", "deferred")
RECORD_KINDS = ("lead", "opportunity", "activity", "company")
RULES = (
    "ma",
    "sfa",
    "latest",
    "latest:tie",
    "fill-blank",
    "max",
    "never-loosen",
    "only-source",
    "equal",
    "unsaid",
    "score",
    "stage",
    "handoff",
    "assignment",
)
SWEEP_CAUSES = ("regular", "ordered", "gap", "position-lost", "silence", "backfill")
COMMIT_OUTCOMES = ("committed", "fenced", "duplicate", "rolled_back", "unavailable")
NOTICE_OUTCOMES = (
    *("delivered", "ended", "superseded", "not-told", "expired", "overflow", "refused", "unrouted"),
    "sink-removed",
)
ALERT_KINDS = ("warned", "breached", "escalated", "met-late", "retracted", "recomputed")
MESSAGE_OUTCOMES = ("delivered", "failed", "refused")
DOOR_OUTCOMES = (
    *("accepted", "unknown-system", "unsigned", "bad-signature", "stale", "unsupported-media"),
    *(
        "unsupported-encoding",
        "too-large",
        "record-too-large",
        "slow-body",
        "not-json",
        "too-deep",
        "bad-body",
    ),
    *(
        "bad-event",
        "unknown-object",
        "too-many-events",
        "busy",
        "log-unavailable",
        "timeout",
        "disconnected",
        "bug",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. `labels` maps each label to its values; `buckets` only for histograms."""

    name: MetricName
    unit: str
    meaning: str
    labels: Mapping[str, Values] = field(default_factory=dict[str, Values])
    buckets: tuple[float, ...] = ()

    @property
    def kind(self) -> Kind:
        """What it is, by which catalogue of names it stands in."""
        if self.name in get_args(CounterName):
            return "counter"
        return "gauge" if self.name in get_args(GaugeName) else "histogram"


_SYSTEM: Mapping[str, Values] = {"system": CONFIGURED}
_TOPIC: Mapping[str, Values] = {"topic": CONFIGURED}
_SHARD: Mapping[str, Values] = {"topic": CONFIGURED, "partition": CONFIGURED}

CATALOGUE: tuple[Metric, ...] = (
    Metric(
        name="tasuki_door_requests_total",
        unit="requests",
        meaning="Webhook requests answered by the door; the outcome is `accepted` or the reason of the refusal.",
        labels={"system": CONFIGURED, "outcome": DOOR_OUTCOMES},
    ),
    Metric(
        name="tasuki_door_seconds",
        unit="seconds",
        meaning="From the request's head being read to the answer, by what became of it.",
        labels={"outcome": DOOR_OUTCOMES},
        buckets=SECONDS,
    ),
    Metric(
        name="tasuki_http_connections_refused_total",
        unit="connections",
        meaning="Connections turned away before a handler saw them: too many, too slow, or not HTTP.",
        labels={"reason": ("too-many-connections", "slow-headers", "invalid-http")},
    ),
    Metric(
        name="tasuki_notifications_total",
        unit="notifications",
        meaning="Notifications appended to the inbox, whether pushed, polled or streamed.",
        labels=_SYSTEM,
    ),
    Metric(
        name="tasuki_observed_records_total",
        unit="records",
        meaning="Records whose present fields were observed.",
        labels={"system": CONFIGURED, "kind": RECORD_KINDS},
    ),
    Metric(
        name="tasuki_vendor_reads_total",
        unit="reads",
        meaning="Reads of a batch of records by the connector; one may need several API calls, or none where the"
        " notifications carry their values.",
        labels={"system": CONFIGURED, "outcome": CALL_OUTCOMES},
    ),
    Metric(
        name="tasuki_vendor_read_seconds",
        unit="seconds",
        meaning="How long a read of a batch of records took.",
        labels={"system": CONFIGURED, "outcome": CALL_OUTCOMES},
        buckets=SECONDS,
    ),
    Metric(
        name="tasuki_vendor_writes_total",
        unit="records",
        meaning="Records sent to the vendor, by what it said of each.",
        labels={"system": CONFIGURED, "outcome": WRITE_OUTCOMES},
    ),
    Metric(
        name="tasuki_vendor_write_seconds",
        unit="seconds",
        meaning="How long a write call to the vendor took.",
        labels={"system": CONFIGURED, "outcome": CALL_OUTCOMES},
        buckets=SECONDS,
    ),
    Metric(
        name="tasuki_write_batch_records",
        unit="records",
        meaning="Records carried by one write call.",
        labels=_SYSTEM,
        buckets=RECORDS,
    ),
    Metric(
        name="tasuki_handoff_seconds",
        unit="seconds",
        meaning="From the webhook being accepted to the handoff's write leaving for the sales tool.",
        labels=_SYSTEM,
        buckets=SECONDS,
    ),
    Metric(
        name="tasuki_quota_held_total",
        unit="calls",
        meaning="Calls for which no place was left in a vendor's limit in time; their work waits.",
        labels={
            "system": CONFIGURED,
            "limit": CONFIGURED,
            "priority": ("consent", "hot", "handoff", "edit", "reconcile", "backfill"),
        },
    ),
    Metric(
        name="tasuki_handoffs_total",
        unit="handoffs",
        meaning="Handoffs that stand in the sales tool, as told on the lifecycle topic.",
        labels={"handoff": ("mql", "sql")},
    ),
    Metric(
        name="tasuki_vendor_calls_total",
        unit="calls",
        meaning="HTTP requests sent to the vendor, of every kind: reads, searches, writes, logins, repeats.",
        labels=_SYSTEM,
    ),
    Metric(
        name="tasuki_handoff_vendor_calls",
        unit="calls",
        meaning="All HTTP requests sent to the vendor since the start, divided by all handoffs since the start:"
        " what a handoff costs with everything around it, not what its own writes took.",
        labels=_SYSTEM,
    ),
    Metric(
        name="tasuki_decisions_total",
        unit="decisions",
        meaning="Decisions that changed something, by the rule that decided.",
        labels={"rule": RULES},
    ),
    Metric(
        name="tasuki_conflicts_total",
        unit="conflicts",
        meaning="Decisions where both systems had changed the field, by the rule that settled it.",
        labels={"rule": RULES},
    ),
    Metric(
        name="tasuki_echoes_suppressed_total",
        unit="changes",
        meaning="Changes of persons that were known as our own writes coming back: by the vendor's `marker` and the"
        " `ledger` of what was sent, or by the `marker` alone, in fields that nobody but tasuki fills.",
        labels={"system": CONFIGURED, "layer": ("marker", "ledger")},
    ),
    Metric(
        name="tasuki_echo_false_drops_total",
        unit="changes",
        meaning="Somebody's changes that were taken for echoes, as was found out later: a sweep found another value where"
        " the last that was heard was an echo, or the vendor names somebody else for a change by now. Always 0 if all"
        " is well.",
        labels={"system": CONFIGURED, "field": CONFIGURED},
    ),
    Metric(
        name="tasuki_loops_total",
        unit="writes",
        meaning="Values that were sent once more over another value of ours, though nobody said anything in between: our"
        " own write led to our own write. Always 0 if all is well.",
        labels={"side": ("ma", "sfa"), "field": CONFIGURED},
    ),
    Metric(
        name="tasuki_fights_total",
        unit="fields",
        meaning="Values that somebody's automation set back so often that they are left alone.",
    ),
    Metric(
        name="tasuki_dispatch_dirty_leads",
        unit="leads",
        meaning="Leads whose desired and known state differ: what dispatch still has to send.",
        labels=_SYSTEM,
    ),
    Metric(
        name="tasuki_dead_letters_total",
        unit="records",
        meaning="Records put aside for a person, by reason.",
        labels={"reason": CONFIGURED},
    ),
    Metric(
        name="tasuki_drift_total",
        unit="differences",
        meaning="Fields in which a vendor differed from what was known, though no notification had told of it, found"
        " and repaired by a sweep; `(record)` is a record's coming or going.",
        labels={"system": CONFIGURED, "field": CONFIGURED},
    ),
    Metric(
        name="tasuki_swept_records_total",
        unit="records",
        meaning="Records that sweeps listed, by whether they were as known.",
        labels={"system": CONFIGURED, "object": CONFIGURED, "outcome": ("known", "other")},
    ),
    Metric(
        name="tasuki_sweeps_total",
        unit="sweeps",
        meaning="Sweeps of an object that came to their end, by why they began.",
        labels={"system": CONFIGURED, "object": CONFIGURED, "cause": SWEEP_CAUSES},
    ),
    Metric(
        name="tasuki_stream_losses_total",
        unit="losses",
        meaning="Times that a change stream lost events, by how; the objects it tells of are read again.",
        labels={"system": CONFIGURED, "object": CONFIGURED, "cause": ("gap", "position-lost")},
    ),
    Metric(
        name="tasuki_commits_total",
        unit="commits",
        meaning="Commits of a shard's state, by what the ledger said.",
        labels={"topic": CONFIGURED, "outcome": COMMIT_OUTCOMES},
    ),
    Metric(
        name="tasuki_commit_seconds",
        unit="seconds",
        meaning="How long a commit took, durability included.",
        labels=_TOPIC,
        buckets=SECONDS,
    ),
    Metric(
        name="tasuki_batch_records",
        unit="records",
        meaning="Log records handled together in one batch.",
        labels=_TOPIC,
        buckets=RECORDS,
    ),
    Metric(
        name="tasuki_fold_seconds",
        unit="seconds",
        meaning="How long the pure part of a batch took: folding its records over the state.",
        labels=_TOPIC,
        buckets=SECONDS,
    ),
    Metric(
        name="tasuki_relay_seconds",
        unit="seconds",
        meaning="From an event's commit into the outbox to the log's acknowledgement.",
        labels=_TOPIC,
        buckets=SECONDS,
    ),
    Metric(
        name="tasuki_outbox_records",
        unit="records",
        meaning="Events committed but not yet acknowledged by the log.",
        labels=_SHARD,
    ),
    Metric(
        name="tasuki_lag_records",
        unit="records",
        meaning="Records of a held partition that are not processed yet.",
        labels=_SHARD,
    ),
    Metric(
        name="tasuki_quota_remaining_calls",
        unit="calls",
        meaning="What is left of a vendor's limit: as its latest answer told, less what all processes sent since. "
        "No series: unknown.",
        labels={"system": CONFIGURED, "limit": CONFIGURED},
    ),
    Metric(
        name="tasuki_vendor_waiting",
        unit="1",
        meaning="Calls to the system wait, for this reason; there is no series for a system that is well.",
        labels={"system": CONFIGURED, "reason": TROUBLES},
    ),
    Metric(
        name="tasuki_stream_age_seconds",
        unit="seconds",
        meaning="Time since the change stream last told anything, keep-alives included.",
        labels={"system": CONFIGURED, "channel": CONFIGURED},
    ),
    Metric(
        name="tasuki_sweep_age_seconds",
        unit="seconds",
        meaning="Time since the object was last swept to its end.",
        labels={"system": CONFIGURED, "object": CONFIGURED},
    ),
    Metric(
        name="tasuki_silent_seconds",
        unit="seconds",
        meaning="For how long no notification of the object came, though it usually speaks; 0 while it does.",
        labels={"system": CONFIGURED, "object": CONFIGURED},
    ),
    Metric(
        name="tasuki_backfill_records",
        unit="records",
        meaning="Records that the first filling has read so far.",
        labels={"system": CONFIGURED, "object": CONFIGURED},
    ),
    Metric(
        name="tasuki_notices_total",
        unit="alerts",
        meaning="Alerts that are done at a sink, counted for each channel: `delivered`, or the reason for which they"
        " were dropped. The sink `none` is for alerts that go nowhere.",
        labels={"sink": CONFIGURED, "outcome": NOTICE_OUTCOMES},
    ),
    Metric(
        name="tasuki_notice_messages_total",
        unit="messages",
        meaning="Messages that left for a sink, by what came of them; a failed one is sent again.",
        labels={"sink": CONFIGURED, "outcome": MESSAGE_OUTCOMES},
    ),
    Metric(
        name="tasuki_notices_waiting",
        unit="alerts",
        meaning="Alerts that wait for a sink in the shards that are held.",
        labels={"sink": CONFIGURED},
    ),
    Metric(
        name="tasuki_notice_seconds",
        unit="seconds",
        meaning="From the oldest alert of a message being told to the sink having it: window, limit, quiet hours and"
        " outages included.",
        labels={"sink": CONFIGURED},
        buckets=LONG_SECONDS,
    ),
    Metric(
        name="tasuki_alerts_total",
        unit="alerts",
        meaning="Alerts told on the topic of the alerts, by what they tell.",
        labels={"kind": ALERT_KINDS},
    ),
    Metric(
        name="tasuki_timer_late_seconds",
        unit="seconds",
        meaning="From a step of a promise coming due to its timer telling it; long after downtime, or where the"
        " shard was behind.",
        buckets=(*SECONDS, 300.0, 3_600.0, 86_400.0),
    ),
    Metric(
        name="tasuki_timers_open",
        unit="timers",
        meaning="Clocks of promises that have something to tell some day, in the shards that are held.",
    ),
    Metric(
        name="tasuki_clocks_open",
        unit="clocks",
        meaning="Promises that are neither kept nor given up and whose clock runs, in the shards that are held.",
    ),
    Metric(
        name="tasuki_clocks_overdue",
        unit="clocks",
        meaning="Those of them that are past their deadline now.",
    ),
    Metric(
        name="tasuki_kpi_value",
        unit="the metric's",
        meaning="A KPI as last read for `tasuki.kpi.v1`, over the first of its windows: a count, a share of 0 to 1,"
        " milliseconds, or minor units of money. Told by the process that holds the first shard; no series: no data.",
        labels={"metric": CONFIGURED, "role": ("all", "sdr", "bdr")},
    ),
    Metric(
        name="tasuki_feed_clients",
        unit="clients",
        meaning="Clients that listen to the feed's events.",
    ),
    Metric(
        name="tasuki_loop_delay_seconds",
        unit="seconds",
        meaning="The worst delay of the process's event loop in the last minute.",
    ),
    Metric(
        name="tasuki_ready",
        unit="1 or 0",
        meaning="Whether the process does its work now, as `/health/ready` says.",
    ),
)


def as_markdown() -> str:
    """Return docs/metrics.md."""
    head = [
        "# Metrics",
        "",
        "Generated from `services/runtime/metric_catalogue.py`; do not edit by hand:",
        "`python -m services.runtime.metric_catalogue > docs/metrics.md`.",
        "",
        f"Durations have buckets from {SECONDS[0] * 1000:g} ms to {SECONDS[-1]:g} s.",
        "A label marked *configured* takes its values from the configuration and the deployment.",
        "",
        "| name | kind | unit | labels | meaning |",
        "|---|---|---|---|---|",
    ]
    rows = [f"| `{m.name}` | {m.kind} | {m.unit} | {_labels(m)} | {m.meaning} |" for m in CATALOGUE]
    return "\n".join([*head, *rows, "", *_values()]) + "\n"


def _labels(metric: Metric) -> str:
    return ", ".join(f"`{label}`" for label in metric.labels) or "none"


def _values() -> list[str]:
    lines = ["## Values of the labels", ""]
    for metric in CATALOGUE:
        for label, values in metric.labels.items():
            shown = "*configured*" if values == CONFIGURED else ", ".join(f"`{each}`" for each in values)
            lines.append(f"- `{metric.name}` `{label}`: {shown}")
    return lines


if __name__ == "__main__":
    import sys

    sys.stdout.write(as_markdown())
