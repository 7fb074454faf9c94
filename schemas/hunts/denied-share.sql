-- title: Identities by denied share
-- question: Which identities are refused most, and over how many operations?
-- param: days UInt32 = 7 -- days to look back from the newest event
-- param: min_calls UInt64 = 20 -- leave out identities with fewer calls
-- param: top UInt32 = 50 -- rows to show
SELECT
    identity_id,
    any(e.owner) AS owner,
    count() AS calls,
    countIf(outcome = 'denied') AS denied,
    round(denied / calls, 4) AS denied_share,
    uniqExactIf(operation, outcome = 'denied') AS denied_operations,
    topKIf(3)(error_code, outcome = 'denied' AND error_code != '') AS errors,
    maxIf(ts, outcome = 'denied') AS last_denied
FROM events AS e
WHERE tenant = {tenant:String}
  AND ts >= (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32})
GROUP BY identity_id
HAVING calls >= {min_calls:UInt64} AND denied > 0
ORDER BY denied_share DESC, denied DESC, identity_id
LIMIT {top:UInt32}
