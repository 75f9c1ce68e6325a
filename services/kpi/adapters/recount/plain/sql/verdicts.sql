-- `deadline` has the deadline of each start. Then each round counts once: in time where it was met, at the deadline where not.

CREATE TABLE verdict AS
WITH touched AS (
    SELECT clock_start.*, promise.turn, named.happened_at AS touched_at, named.cycle AS of_cycle
    FROM clock_start
    JOIN promise ON promise.policy = clock_start.policy AND promise.turn <> 'start'
    JOIN named ON named.lead = clock_start.lead AND named.name LIKE promise.pattern ESCAPE '\'
        AND named.happened_at >= promise.from_at
    LEFT JOIN cycle_start AS begins ON begins.lead = named.lead AND begins.cycle = clock_start.cycle
    WHERE (named.cycle = clock_start.cycle AND named.happened_at <= coalesce(next_at, named.happened_at))
        OR (named.cycle = 0 AND named.happened_at >= coalesce(begins.happened_at, named.happened_at) AND (next_at IS NULL OR named.happened_at < next_at))
), ended AS (
    SELECT
        clock_start.*,
        (SELECT min(greatest(touched_at, touched.happened_at)) FROM touched
            WHERE turn = 'stop' AND (touched_at >= touched.happened_at OR of_cycle > 0)
            AND touched.policy = clock_start.policy AND touched.lead = clock_start.lead
            AND touched.cycle = clock_start.cycle) AS stop_at,
        (SELECT min(touched_at) FROM touched
            WHERE turn = 'cancel' AND touched_at >= touched.happened_at
            AND touched.policy = clock_start.policy AND touched.lead = clock_start.lead
            AND touched.cycle = clock_start.cycle) AS cancel_at
    FROM clock_start
), judged AS (
    SELECT
        ended.lead, deadline.happened_at AS deadline_at,
        least(stop_at, cancel_at, next_at) AS end_at,  -- least() passes over NULL
        stop_at IS NOT NULL AND stop_at <= coalesce(least(cancel_at, next_at), stop_at) AS stopped
    FROM ended JOIN deadline ON deadline.policy = ended.policy AND deadline.start_at = ended.happened_at
)
SELECT
    lead,
    (end_at IS NULL OR deadline_at < end_at) AS breached,
    CASE WHEN breached THEN deadline_at ELSE end_at END AS happened_at,
    breached AND NOT stopped AND deadline_at > getvariable('due_by') - getvariable('unsure_ms') AS unsure
FROM judged
WHERE stopped OR (breached AND deadline_at <= getvariable('due_by'));

INSERT INTO happened
SELECT 'sla:due', happened_at, lead, '', 1 FROM verdict
UNION ALL SELECT 'sla:met', happened_at, lead, '', 1 FROM verdict WHERE NOT breached
UNION ALL SELECT 'sla:unsure', happened_at, lead, '', 1 FROM verdict WHERE unsure;
