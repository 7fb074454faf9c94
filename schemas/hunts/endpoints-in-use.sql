-- title: API inventory
-- question: Which endpoints are called, by how many identities, since when, and does a document describe them?
-- param: api String = -- only those of this host or service
-- param: shadow UInt8 = 0 -- 1: only those that the API's document does not have
-- param: top UInt32 = 500 -- rows to show, busiest first
SELECT
    api,
    operation,
    multiIf(max(shadow) = 1, 'shadow', max(api_document) != '', 'documented', 'no document') AS state,
    sum(calls) AS calls,
    uniqCombinedMerge(12)(identities_state) AS identities,
    sum(anonymous) AS anonymous_calls,
    sum(denied) AS denied,
    sum(errors) AS errors,
    min(first_ts) AS first_seen,
    max(last_ts) AS last_seen,
    max(api_document) AS document,
    any(format) AS source
FROM endpoints_seen
WHERE tenant = {tenant:String} AND ({api:String} = '' OR api = {api:String})
GROUP BY api, operation
HAVING {shadow:UInt8} = 0 OR state = 'shadow'
ORDER BY calls DESC, api, operation
LIMIT {top:UInt32}
