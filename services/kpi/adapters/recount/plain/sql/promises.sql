-- The clock of each promise and cycle: it starts with the first fact that starts it, ends with the first that fulfils
-- or cancels it, or with the next cycle. A milestone from before the start fulfils it, an activity doesn't. Done at the
-- deadline is met. What is open and not yet due counts nowhere.

CREATE TABLE named AS
SELECT lead, cycle, milestone AS name, happened_at FROM mark
UNION ALL SELECT lead, cycle, 'offered:' || handoff, offered_at FROM offer
UNION ALL SELECT lead, 0, 'activity:' || activity, happened_at FROM deed;

CREATE TABLE clock_start AS
SELECT promise.policy, named.lead, named.cycle, min(named.happened_at) AS happened_at, any_value(ends.happened_at) AS next_at
FROM promise
JOIN named ON promise.turn = 'start' AND named.name LIKE promise.pattern ESCAPE '\'
    AND named.cycle > 0 AND named.happened_at >= promise.from_at
LEFT JOIN cycle_start AS ends ON ends.lead = named.lead AND ends.cycle = named.cycle + 1
WHERE named.happened_at <= coalesce(ends.happened_at, named.happened_at)
GROUP BY ALL;
