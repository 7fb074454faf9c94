-- title: First use of a credential per network
-- question: When was each credential first used from each network, and by whom?
-- param: credential String = -- one credential's id or hash; all when empty
-- param: identity String = -- one identity; all when empty
-- param: days UInt32 = 30 -- first uses in so many days before the newest event
-- param: top UInt32 = 100 -- rows to show, newest first
SELECT
    credential_id,
    src_prefix AS network,
    any(e.as_org) AS provider,
    any(e.country) AS country,
    any(e.network_class) AS network_class,
    min(ts) AS first_use,
    max(ts) AS last_use,
    count() AS calls,
    argMin(identity_id, ts) AS first_identity,
    argMin(operation, ts) AS first_operation
FROM events AS e
WHERE tenant = {tenant:String} AND credential_id != ''
  AND ({credential:String} = '' OR credential_id = {credential:String})
  AND ({identity:String} = '' OR identity_id = {identity:String})
GROUP BY credential_id, src_prefix
HAVING first_use >= (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32})
ORDER BY first_use DESC, credential_id, network
LIMIT {top:UInt32}
