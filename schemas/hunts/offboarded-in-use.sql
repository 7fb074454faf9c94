-- title: Offboarded and still calling
-- question: Which identities made calls after they were declared gone?
-- param: top UInt32 = 100 -- rows to show
SELECT
    e.identity_id AS identity_id,
    any(i.owner) AS owner,
    any(i.offboarded) AS offboarded_at,
    count() AS calls_after,
    countIf(e.outcome = 'success') AS succeeded,
    groupUniqArray(3)(e.credential_id) AS credentials,
    groupUniqArray(3)(e.src_address) AS sources,
    min(e.ts) AS first_after,
    max(e.ts) AS last_after
FROM events AS e
INNER JOIN (SELECT identity_id, owner, offboarded FROM identities_current WHERE tenant = {tenant:String} AND toYear(offboarded) > 1970) AS i ON i.identity_id = e.identity_id
WHERE e.tenant = {tenant:String} AND e.ts > i.offboarded
GROUP BY identity_id
ORDER BY succeeded DESC, calls_after DESC, identity_id
LIMIT {top:UInt32}
