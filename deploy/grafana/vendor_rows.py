"""How the vendors do: quotas, circuits, echoes, streams, sweeps, drift."""

from deploy.grafana.panels import Panel, Query, Row, both, grown, rate

VENDORS = Row(
    "Vendors: quotas, circuits, echoes",
    (
        Panel(
            title="Quota left",
            unit="short",
            tells="Calls left of each limit, as the vendor's latest answer told, less what all processes sent since. No"
            " line: unknown.",
            queries=(Query("min by (system, limit) (tasuki_quota_remaining_calls)", "{{system}} {{limit}}"),),
        ),
        Panel(
            title="Calls held back by the quota",
            unit="short",
            tells="Calls for which no place was left in a limit in time. Their work waits, by priority.",
            queries=(grown("tasuki_quota_held_total", "system", "limit", "priority"),),
            stacked=True,
        ),
        Panel(
            title="Circuits",
            unit="short",
            tells="1 while calls to the system wait for this reason; nothing while it is well.",
            queries=(Query("max by (system, reason) (tasuki_vendor_waiting)", "{{system}}: {{reason}}"),),
            bad_from=1,
        ),
        Panel(
            title="Calls to the vendor",
            unit="reqps",
            tells="Requests of every kind: reads, searches, writes, logins, repeats.",
            queries=(rate("tasuki_vendor_calls_total", "system"),),
        ),
        Panel(
            title="Reads by outcome",
            unit="ops",
            tells="Reads of batches of records.",
            queries=(rate("tasuki_vendor_reads_total", "system", "outcome"),),
        ),
        Panel(
            title="Records written, by outcome",
            unit="ops",
            tells="What the vendor said of each record: refused ones are dead letters, deferred ones are sent again.",
            queries=(rate("tasuki_vendor_writes_total", "system", "outcome"),),
        ),
        Panel(
            title="Records in a write call",
            unit="short",
            tells="Records carried by one call; more is cheaper in calls.",
            queries=both("tasuki_write_batch_records", "system"),
        ),
        Panel(
            title="Echoes suppressed",
            unit="ops",
            tells="Our own writes that came back as changes and were recognised. About as many as are written; none at"
            " all while there are writes would be a loop in the making.",
            queries=(rate("tasuki_echoes_suppressed_total", "system", "layer"),),
        ),
        Panel(
            title="Mistaken echoes and loops",
            unit="short",
            tells="Somebody's changes that were taken for our own, and our own writes that led to our own writes; both are"
            " always 0 if all is well.",
            queries=(
                grown(
                    "tasuki_echo_false_drops_total",
                    "system",
                    "field",
                    legend="false drop: {{system}} {{field}}",
                ),
                grown("tasuki_loops_total", "side", "field", legend="loop: {{side}} {{field}}"),
            ),
            bad_from=1,
        ),
        Panel(
            title="Records observed",
            unit="ops",
            tells="Records whose present fields were read or came with a notification.",
            queries=(rate("tasuki_observed_records_total", "system", "kind"),),
        ),
    ),
)

SWEEPS = Row(
    "Streams, sweeps, drift",
    (
        Panel(
            title="Drift by field",
            unit="short",
            tells="Fields in which a vendor differed from what was known, though no notification had told of it; found"
            " and repaired by a sweep. (record) is a record's coming or going.",
            queries=(grown("tasuki_drift_total", "system", "field"),),
            stacked=True,
            bad_from=1,
        ),
        Panel(
            title="Age of the last sweep",
            unit="s",
            tells="Time since the object was last listed to its end.",
            queries=(Query("min by (system, object) (tasuki_sweep_age_seconds)", "{{system}} {{object}}"),),
        ),
        Panel(
            title="Age of the streams",
            unit="s",
            tells="Time since each change stream last told anything, keep-alives included.",
            queries=(
                Query("min by (system, channel) (tasuki_stream_age_seconds)", "{{system}} {{channel}}"),
            ),
        ),
        Panel(
            title="Silence",
            unit="s",
            tells="For how long no notification of the object came, though it usually speaks; 0 while it does.",
            queries=(Query("max by (system, object) (tasuki_silent_seconds)", "{{system}} {{object}}"),),
        ),
        Panel(
            title="Sweeps and losses of streams",
            unit="short",
            tells="Sweeps that came to their end, by why they began; and times that a stream lost events.",
            queries=(
                grown("tasuki_sweeps_total", "system", "cause"),
                grown("tasuki_stream_losses_total", "system", "cause", legend="lost: {{system}} {{cause}}"),
            ),
        ),
        Panel(
            title="Records listed and filled",
            unit="short",
            tells="Records that sweeps listed, by whether they were as known; and what the first filling has read so far.",
            queries=(
                grown("tasuki_swept_records_total", "system", "outcome"),
                Query("max by (system, object) (tasuki_backfill_records)", "filling: {{system}} {{object}}"),
            ),
        ),
    ),
)
