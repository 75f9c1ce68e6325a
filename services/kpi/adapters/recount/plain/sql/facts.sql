-- What holds of each lead: of each slot (a milestone of a cycle, an activity, a handoff of a cycle, who the lead is)
-- the fact that was told last. A lead that was merged into another has none: what it amounts to is told of the other.

CREATE TABLE fact AS
WITH said AS (
    SELECT
        lead, told, kind, data,
        appended_at + 366::BIGINT * 86400000 AS latest_at,
        (data->>'$.cycle')::BIGINT AS cycle,
        data->>'$.milestone' AS milestone,
        (data->>'$.reached_at')::BIGINT AS reached_at,
        coalesce((data->>'$.amount')::BIGINT, 0) AS amount,
        coalesce(data->>'$.currency', '') AS currency,
        data->>'$.key' AS activity_key,
        data->>'$.activity' AS activity,
        (data->>'$.at')::BIGINT AS done_at,
        coalesce(data->>'$.outcome', '') AS outcome,
        coalesce(data->>'$.owner', '') AS done_by,
        data->>'$.handoff' AS handoff,
        (data->>'$.qualified_at')::BIGINT AS qualified_at,
        (data->>'$.offered_at')::BIGINT AS offered_at,
        (data->>'$.started_at')::BIGINT AS started_at,
        data->>'$.standing.origin' AS origin,
        coalesce(data->>'$.standing.owner', '') AS owner,
        coalesce(data->'$.standing.segments', '{}') AS segments
    FROM told_line
)
-- What can't be true is in the dead letters: before 2000, more than a year after it was told, money below 0.
SELECT * FROM said
WHERE CASE kind
    WHEN 'milestone-reached' THEN reached_at BETWEEN 946684800000 AND latest_at AND amount >= 0
    WHEN 'activity-logged' THEN done_at BETWEEN 946684800000 AND latest_at
    WHEN 'handoff-offered' THEN qualified_at BETWEEN 946684800000 AND latest_at
        AND offered_at BETWEEN 946684800000 AND latest_at
    ELSE true
END AND lead NOT IN (SELECT lead FROM told_line WHERE kind = 'lead-merged');

CREATE TABLE standing AS
SELECT lead, origin, owner, segments FROM fact
WHERE kind IN ('milestone-reached', 'milestone-retracted', 'activity-logged', 'activity-retracted', 'handoff-offered')
QUALIFY row_number() OVER (PARTITION BY lead ORDER BY told DESC, origin DESC, owner DESC, segments::VARCHAR DESC) = 1;

CREATE TABLE mark AS
SELECT lead, cycle, milestone, happened_at, owner, amount, currency FROM (
    SELECT lead, cycle, milestone, kind, reached_at AS happened_at, owner, amount, currency FROM fact
    WHERE kind IN ('milestone-reached', 'milestone-retracted')
    QUALIFY row_number() OVER (
        PARTITION BY lead, cycle, milestone
        ORDER BY told DESC, reached_at DESC NULLS LAST, owner DESC, amount DESC, currency DESC) = 1
) WHERE kind = 'milestone-reached';

CREATE TABLE deed AS
SELECT lead, key, activity, happened_at, outcome, owner FROM (
    SELECT lead, activity_key AS key, kind, activity, done_at AS happened_at, outcome, done_by AS owner FROM fact
    WHERE kind IN ('activity-logged', 'activity-retracted')
    QUALIFY row_number() OVER (
        PARTITION BY lead, activity_key
        ORDER BY told DESC, done_at DESC NULLS LAST, activity DESC, outcome DESC, done_by DESC) = 1
) WHERE kind = 'activity-logged';

CREATE TABLE offer AS
SELECT lead, cycle, handoff, qualified_at, offered_at FROM fact
WHERE kind = 'handoff-offered'
QUALIFY row_number() OVER (
    PARTITION BY lead, cycle, handoff ORDER BY told DESC, qualified_at DESC, offered_at DESC) = 1;

CREATE TABLE cycle_start AS
SELECT lead, cycle, started_at AS happened_at FROM fact
WHERE kind = 'cycle-started'
QUALIFY row_number() OVER (PARTITION BY lead, cycle ORDER BY told DESC, started_at DESC) = 1;

DROP TABLE told_line;
