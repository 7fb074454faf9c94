-- title: What one identity calls
-- question: Which operations and endpoints does one identity call, how often, and since when?
-- param: identity String -- the identity's id
-- param: top UInt32 = 100 -- rows to show, busiest first
SELECT
    operation,
    any(service) AS service,
    sum(calls) AS calls,
    sum(denied) AS denied,
    sum(errors) AS errors,
    min(first_ts) AS first_seen,
    max(last_ts) AS last_seen
FROM events_hourly
WHERE tenant = {tenant:String} AND identity_id = {identity:String}
GROUP BY operation
ORDER BY calls DESC, operation
LIMIT {top:UInt32}
