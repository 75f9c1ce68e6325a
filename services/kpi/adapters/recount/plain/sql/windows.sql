-- The windows that hold now, by the firm's calendar: day, week, month, quarter of its year.

WITH today AS (
    SELECT timezone($zone, timezone('UTC', epoch_ms($now)))::DATE AS day
), edge AS (
    SELECT 'today' AS name, day AS first_day, day + 1 AS after FROM today
    UNION ALL
    SELECT 'this-week', day - back, day - back + 7
    FROM (SELECT day, ((isodow(day) - 1 - $first_weekday + 7) % 7)::INTEGER AS back FROM today)
    UNION ALL
    SELECT 'this-month', date_trunc('month', day), date_trunc('month', day) + INTERVAL 1 MONTH FROM today
    UNION ALL
    SELECT 'this-quarter', first_day, first_day + INTERVAL 3 MONTH
    FROM (
        SELECT date_trunc('month', day) - to_months(((month(day) - $fiscal_month + 12) % 3)::INTEGER) AS first_day
        FROM today
    )
)
SELECT
    name,
    epoch_ms(timezone($zone, first_day::TIMESTAMP)) AS from_at,
    epoch_ms(timezone($zone, after::TIMESTAMP)) AS to_at
FROM edge;
