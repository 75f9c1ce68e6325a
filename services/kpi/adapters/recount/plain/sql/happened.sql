-- What happened, by the terms of the catalogue's formulas: each with its instant, its lead, and the owner it was
-- told with. A cohort's term ("mql>sql", "mql>sql/30" within 30 days) is of the instant of the entry.

CREATE TABLE happened AS
SELECT milestone AS term, happened_at, lead, owner, 1::HUGEINT AS amount FROM mark
UNION ALL
SELECT
    CASE WHEN existing.said IS NULL THEN 'opportunity:new' ELSE 'opportunity:existing' END,
    mark.happened_at, mark.lead, mark.owner, 1
FROM mark
JOIN standing USING (lead)
LEFT JOIN existing
    ON existing.said = coalesce(json_extract_string(standing.segments, getvariable('customer')), '')
WHERE milestone = 'opportunity'
UNION ALL
SELECT 'money:' || currency, happened_at, lead, owner, amount FROM mark WHERE milestone = 'won' AND amount <> 0
UNION ALL
-- 架電, 通電, 通話, 有効会話: how far a call came, by what its outcome means to the firm.
SELECT unnest(['call', 'call:answered', 'call:contact', 'call:effective'][:coalesce(sign, 0) + 1]), happened_at, lead, owner, 1
FROM deed LEFT JOIN outcome_sign ON outcome_sign.said = deed.outcome
WHERE activity = 'call'
UNION ALL
SELECT unnest(['mail', 'mail:answered'][:least(coalesce(sign, 0), 1) + 1]), happened_at, lead, owner, 1
FROM deed LEFT JOIN outcome_sign ON outcome_sign.said = deed.outcome
WHERE activity = 'email'
UNION ALL
-- Of those that reached a milestone in a cycle, those that got to another in that cycle.
SELECT entered || '>' || reached || coalesce('/' || days, ''), entry.happened_at, entry.lead, entry.owner, 1
FROM pair
JOIN mark AS entry ON entry.milestone = entered
JOIN mark AS result ON result.milestone = reached AND result.lead = entry.lead AND result.cycle = entry.cycle
JOIN horizon ON days IS NULL OR result.happened_at - entry.happened_at <= days * 86400000::BIGINT
WHERE entered <> 'lead'
UNION ALL
-- Of the leads that came in, those that got to a milestone in whichever cycle, the first time.
SELECT entered || '>' || reached || coalesce('/' || days, ''), entry.happened_at, entry.lead, entry.owner, 1
FROM pair
JOIN mark AS entry ON entry.milestone = 'lead' AND entry.cycle = 1
JOIN (SELECT lead, milestone, min(happened_at) AS happened_at FROM mark GROUP BY ALL) AS result
    ON result.milestone = reached AND result.lead = entry.lead
JOIN horizon ON days IS NULL OR result.happened_at - entry.happened_at <= days * 86400000::BIGINT
WHERE entered = 'lead';

-- How long things took: each at the instant at which it ended. What ended before it began isn't counted.
CREATE TABLE took AS
WITH stage(name, place) AS (VALUES
    ('lead', 1), ('mql', 2), ('sql', 3), ('appointment', 4), ('opportunity', 5), ('effective_opportunity', 6)
), ending(name, place) AS (
    SELECT * FROM stage UNION ALL VALUES ('won', 7), ('lost', 7), ('recycled', 7)
), stay AS (
    SELECT begun.lead, begun.owner, stage.name AS stage, begun.happened_at AS from_at, min(mark.happened_at) AS happened_at
    FROM mark AS begun
    JOIN stage ON stage.name = begun.milestone
    JOIN ending ON ending.place > stage.place
    JOIN mark ON mark.lead = begun.lead AND mark.cycle = begun.cycle AND mark.milestone = ending.name
    GROUP BY begun.lead, begun.cycle, begun.owner, stage.name, begun.happened_at
)
SELECT 'in:' || stage AS term, happened_at, lead, owner, happened_at - from_at AS ms FROM stay WHERE happened_at >= from_at
UNION ALL
SELECT 'first-response', response.happened_at, lead, response.owner, response.happened_at - mql.happened_at
FROM mark AS response JOIN mark AS mql USING (lead, cycle)
WHERE response.milestone = 'first_response' AND mql.milestone = 'mql' AND response.happened_at >= mql.happened_at
UNION ALL
SELECT 'system-delay', offered_at, offer.lead, coalesce(mql.owner, ''), offered_at - qualified_at
FROM offer LEFT JOIN mark AS mql
    ON mql.lead = offer.lead AND mql.cycle = offer.cycle AND mql.milestone = 'mql'
WHERE handoff = 'mql' AND offered_at >= qualified_at
UNION ALL
SELECT 'rep-delay', response.happened_at, lead, response.owner, response.happened_at - offered_at
FROM offer JOIN mark AS response USING (lead, cycle)
WHERE handoff = 'mql' AND response.milestone = 'first_response' AND response.happened_at >= offered_at;
