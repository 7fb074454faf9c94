-- title: Machine identities used by people
-- question: Which machine identities are used from a browser, a console or an interactive client?
-- param: days UInt32 = 30 -- days to look back from the newest event
-- param: clients String = browser,aws-console,postman,curl -- client families that people use, by commas
-- param: top UInt32 = 50 -- rows to show
SELECT
    identity_id,
    any(e.identity_kind) AS kind,
    any(e.owner) AS owner,
    client,
    count() AS calls,
    groupUniqArray(3)(credential_id) AS credentials,
    groupUniqArray(3)(src_address) AS sources,
    topK(3)(operation) AS operations,
    min(ts) AS first_ts,
    max(ts) AS last_ts
FROM events AS e
WHERE tenant = {tenant:String} AND identity_kind != 'human' AND NOT anonymous AND has(splitByChar(',', {clients:String}), toString(client))
  AND ts >= (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32})
GROUP BY identity_id, client
ORDER BY first_ts DESC, identity_id, client
LIMIT {top:UInt32}
