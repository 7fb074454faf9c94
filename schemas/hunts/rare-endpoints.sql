-- title: Endpoints that hardly anybody calls
-- question: Which operations succeed for one or two identities only: a forgotten or debug API?
-- param: max_identities UInt64 = 2 -- called by so many identities at most
-- param: format String = -- one source, such as kong or nginx; all when empty
-- param: top UInt32 = 100 -- rows to show, newest first
SELECT
    operation,
    any(e.service) AS service,
    any(e.format) AS source,
    uniqExact(identity_id) AS identities,
    groupUniqArray(3)(identity_id) AS callers,
    sum(e.calls) AS calls,
    sum(e.calls) - sum(e.denied) - sum(e.errors) AS succeeded,
    min(e.first_ts) AS first_ts,
    max(e.last_ts) AS last_ts
FROM events_hourly AS e
WHERE tenant = {tenant:String} AND ({format:String} = '' OR e.format = {format:String})
GROUP BY operation
HAVING identities <= {max_identities:UInt64} AND succeeded > 0
ORDER BY first_ts DESC, operation
LIMIT {top:UInt32}
