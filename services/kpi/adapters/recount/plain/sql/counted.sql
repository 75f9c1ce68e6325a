-- What happened in each segment on each day of the firm: the day that a clock on the wall of its zone shows.
-- Who a lead is, is as last known; whose something was is as told with it, or else whoever has the lead now.

CREATE TABLE place AS
SELECT DISTINCT whose.lead, whose.owner, unnest({segments}) AS segment
FROM (
    SELECT lead, owner FROM happened
    UNION SELECT lead, owner FROM took
) AS whose
JOIN standing USING (lead)
LEFT JOIN team ON team.owner = coalesce(nullif(whose.owner, ''), standing.owner);

CREATE TABLE counted AS
SELECT term, happened_at, {day} AS day, lead, segment, amount FROM happened JOIN place USING (lead, owner);

CREATE TABLE spent AS
SELECT term, happened_at, {day} AS day, lead, segment, ms FROM took JOIN place USING (lead, owner);
