"""How leads go through: handoff latency by step, the log and its shards, what was set aside."""

from deploy.grafana.panels import HANDOFF_P50_S, HANDOFF_P99_S, Panel, Query, Row, both, grown, quantile, rate

HANDOFF = Row(
    "Handoff latency by step",
    (
        Panel(
            title="Handoff, whole",
            unit="s",
            tells="From the webhook being accepted to the write leaving for the sales tool. Promised at 100 events a"
            f" second: p50 {HANDOFF_P50_S * 1000:.0f} ms, p99 {HANDOFF_P99_S * 1000:.0f} ms.",
            queries=both("tasuki_handoff_seconds", "system"),
            bad_from=HANDOFF_P99_S,
            width=12,
        ),
        Panel(
            title="Where it goes: p99 of each step",
            unit="s",
            tells="The steps in their order: door, folding a batch, commit, relay to the next topic, read and write at"
            " the vendor. The p99 of steps don't add up to the p99 of the whole; the tallest is where to look.",
            queries=(
                Query(quantile(0.99, "tasuki_door_seconds", only='{outcome="accepted"}'), "1 door"),
                Query(quantile(0.99, "tasuki_fold_seconds"), "2 fold"),
                Query(quantile(0.99, "tasuki_commit_seconds"), "3 commit"),
                Query(quantile(0.99, "tasuki_relay_seconds"), "4 relay"),
                Query(quantile(0.99, "tasuki_vendor_read_seconds", only='{outcome="ok"}'), "5 vendor's read"),
                Query(
                    quantile(0.99, "tasuki_vendor_write_seconds", only='{outcome="ok"}'), "6 vendor's write"
                ),
            ),
            width=12,
        ),
        Panel(
            title="Door",
            unit="s",
            tells="From a webhook's head being read to the answer, accepted ones only. The vendors give up after"
            " seconds and send again.",
            queries=both("tasuki_door_seconds", only='{outcome="accepted"}'),
        ),
        Panel(
            title="Webhooks by outcome",
            unit="reqps",
            tells="What the door answered. Anything but accepted is explained in the runbook under its word.",
            queries=(rate("tasuki_door_requests_total", "system", "outcome"),),
        ),
        Panel(
            title="Fold",
            unit="s",
            tells="The pure part of a batch: its records folded over the state. Grows with the batch.",
            queries=both("tasuki_fold_seconds", "topic"),
        ),
        Panel(
            title="Commit",
            unit="s",
            tells="State, outbox and offset written together, until the store wrote them to disk.",
            queries=both("tasuki_commit_seconds", "topic"),
        ),
        Panel(
            title="Relay",
            unit="s",
            tells="From an event's commit into the outbox to the log's acknowledgement.",
            queries=both("tasuki_relay_seconds", "topic"),
        ),
        Panel(
            title="Vendor's calls: p99",
            unit="s",
            tells="Reads and writes of batches at the vendors that succeeded.",
            queries=(
                Query(
                    quantile(0.99, "tasuki_vendor_read_seconds", "system", only='{outcome="ok"}'),
                    "read {{system}}",
                ),
                Query(
                    quantile(0.99, "tasuki_vendor_write_seconds", "system", only='{outcome="ok"}'),
                    "write {{system}}",
                ),
            ),
        ),
        Panel(
            title="Handoffs",
            unit="short",
            tells="MQLs and SQLs that came to stand in the sales tool.",
            queries=(grown("tasuki_handoffs_total", "handoff"),),
            stacked=True,
        ),
        Panel(
            title="Vendor's calls for each handoff",
            unit="short",
            tells="All requests sent to the vendor since the start, by all handoffs since the start.",
            queries=(Query("max by (system) (tasuki_handoff_vendor_calls)", "{{system}}"),),
        ),
        Panel(
            title="Leads still to be written",
            unit="short",
            tells="Leads whose desired and known state differ. What stays there waits for a system, a quota or its"
            " turn.",
            queries=(Query("sum by (system) (tasuki_dispatch_dirty_leads)", "{{system}}"),),
        ),
    ),
)

LOG = Row(
    "Log, shards, outbox",
    (
        Panel(
            title="Lag by topic",
            unit="short",
            tells="Records appended and not processed yet. Partitions that nobody holds are not in it.",
            queries=(Query("sum by (topic) (tasuki_lag_records)", "{{topic}}"),),
        ),
        Panel(
            title="Lag: the ten worst partitions",
            unit="short",
            tells="One partition that grows alone is a shard that is stuck or a key that is too busy.",
            queries=(
                Query(
                    "topk(10, max by (topic, partition) (tasuki_lag_records) > 0)",
                    "{{topic}} {{partition}}",
                ),
            ),
        ),
        Panel(
            title="Outbox by topic",
            unit="short",
            tells="Events that are committed and not acknowledged by the log; by the topic of the shard that tells them.",
            queries=(Query("sum by (topic) (tasuki_outbox_records)", "{{topic}}"),),
        ),
        Panel(
            title="Commits by outcome",
            unit="ops",
            tells="committed is work done. fenced and duplicate come with changes of owner; rolled_back means that the"
            " store lost writes and the log is read again.",
            queries=(rate("tasuki_commits_total", "outcome"),),
        ),
        Panel(
            title="Commits by topic",
            unit="ops",
            tells="Commits that were applied.",
            queries=(rate("tasuki_commits_total", "topic", only='{outcome="committed"}'),),
        ),
        Panel(
            title="Batches",
            unit="short",
            tells="Records handled together. Small while all is at rest, large while catching up.",
            queries=both("tasuki_batch_records", "topic"),
        ),
    ),
)

SET_ASIDE = Row(
    "Dead letters and decisions",
    (
        Panel(
            title="Dead letters by reason",
            unit="short",
            tells="Records put aside for a person. Each reason has its place in the runbook.",
            queries=(grown("tasuki_dead_letters_total", "reason"),),
            stacked=True,
        ),
        Panel(
            title="Decisions by rule",
            unit="ops",
            tells="Decisions that changed something, by the rule that decided.",
            queries=(rate("tasuki_decisions_total", "rule"),),
        ),
        Panel(
            title="Conflicts and fights",
            unit="short",
            tells="Fields that both systems had changed, by the rule that settled it; and values that somebody's"
            " automation set back so often that they are left alone.",
            queries=(
                grown("tasuki_conflicts_total", "rule"),
                grown("tasuki_fights_total", legend="left alone: a fight"),
            ),
        ),
    ),
)
