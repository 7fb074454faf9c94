-- title: New operations in a window
-- question: Which operations did an identity make for the first time, and who else makes them?
-- param: hours UInt32 = 24 -- the window, in hours before the newest event
-- param: identity String = -- one identity; all when empty
-- param: top UInt32 = 100 -- rows to show
WITH (SELECT max(last_ts) FROM events_hourly WHERE tenant = {tenant:String}) - toIntervalHour({hours:UInt32}) AS since
SELECT
    n.identity_id AS identity_id,
    n.operation AS operation,
    n.first_use AS first_use,
    n.calls AS calls,
    n.denied AS denied,
    o.identities AS identities_ever
FROM
(
    SELECT identity_id, operation, min(h.first_ts) AS first_use, sum(h.calls) AS calls, sum(h.denied) AS denied
    FROM events_hourly AS h
    WHERE tenant = {tenant:String} AND ({identity:String} = '' OR identity_id = {identity:String})
    GROUP BY identity_id, operation
    HAVING first_use >= since
) AS n
INNER JOIN
(
    SELECT identity_id, min(h.first_ts) AS known_since
    FROM events_hourly AS h
    WHERE tenant = {tenant:String}
    GROUP BY identity_id
    HAVING known_since < since
) AS k ON k.identity_id = n.identity_id
INNER JOIN
(
    SELECT operation, uniqExact(identity_id) AS identities
    FROM events_hourly
    WHERE tenant = {tenant:String}
    GROUP BY operation
) AS o ON o.operation = n.operation
ORDER BY identities_ever, first_use DESC, identity_id, operation
LIMIT {top:UInt32}
