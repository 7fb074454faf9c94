-- title: Busiest hours
-- question: In which hours was there most traffic, and who made it?
-- param: days UInt32 = 30 -- days to look back from the newest event
-- param: top UInt32 = 20 -- rows to show
SELECT
    hour,
    sum(e.calls) AS calls,
    uniqExact(identity_id) AS identities,
    sum(e.denied) AS denied,
    argMax(identity_id, e.calls) AS busiest_identity
FROM events_hourly AS e
WHERE tenant = {tenant:String}
  AND hour >= (SELECT max(hour) FROM events_hourly) - toIntervalDay({days:UInt32})
GROUP BY hour
ORDER BY calls DESC, hour
LIMIT {top:UInt32}
