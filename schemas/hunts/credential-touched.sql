-- title: What a credential touched after a moment
-- question: If this credential leaked then, what has been reached with it since?
-- param: after DateTime64(3, 'UTC') -- the moment, UTC, such as 2026-03-01 09:30:00
-- param: credential String = -- the credential's id or hash
-- param: identity String = -- or the identity, with all its credentials
-- param: top UInt32 = 200 -- rows to show
SELECT
    service,
    operation,
    arrayJoin(if(empty(resources), [''], resources)) AS resource,
    count() AS calls,
    countIf(outcome = 'success') AS succeeded,
    countIf(outcome = 'denied') AS denied,
    sum(e.bytes_out) AS bytes_out,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    groupUniqArray(5)(src_address) AS sources,
    groupUniqArray(5)(credential_id) AS credentials
FROM events AS e
WHERE tenant = {tenant:String} AND ts >= {after:DateTime64(3, 'UTC')}
  AND (({credential:String} != '' AND credential_id = {credential:String}) OR ({identity:String} != '' AND identity_id = {identity:String}))
GROUP BY service, operation, resource
ORDER BY succeeded DESC, calls DESC, operation, resource
LIMIT {top:UInt32}
