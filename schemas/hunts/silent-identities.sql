-- title: Identities that fell silent
-- question: Which identities were busy and have made no call for days?
-- param: days UInt32 = 3 -- silent for so many days before the newest event
-- param: min_active_days UInt32 = 3 -- on so many days before
-- param: top UInt32 = 50 -- rows to show
SELECT
    identity_id,
    uniqExact(toDate(hour)) AS active_days,
    sum(e.calls) AS calls,
    min(e.first_ts) AS first_ts,
    max(e.last_ts) AS last_ts,
    dateDiff('hour', last_ts, (SELECT max(last_ts) FROM events_hourly WHERE tenant = {tenant:String})) AS silent_hours
FROM events_hourly AS e
WHERE tenant = {tenant:String}
GROUP BY identity_id
HAVING silent_hours >= 24 * {days:UInt32} AND active_days >= {min_active_days:UInt32}
ORDER BY active_days DESC, calls DESC, identity_id
LIMIT {top:UInt32}
