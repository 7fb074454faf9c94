-- title: Credentials in use
-- question: Which credentials are used, by whom, since when, from how many networks and workloads, and when were they issued?
-- param: identity String = -- only those of this identity
-- param: newest UInt8 = 0 -- 1: those that were first seen last come first
-- param: top UInt32 = 500 -- rows to show, the longest in use first
WITH declared AS
(
    SELECT identity_id, c.1 AS ref, c.2 AS issued, c.3 AS rotate_every
    FROM identities_current
    ARRAY JOIN arrayZip(credentials_ref, credentials_issued, credentials_rotate_every) AS c
    WHERE tenant = {tenant:String} AND managed
)
SELECT
    s.identity_id AS identity_id,
    s.credential_id AS credential,
    any(s.credential_type) AS type,
    if(any(d.ref) != '', 'declared', 'undeclared') AS inventory,
    sum(s.calls) AS calls,
    sum(s.denied) AS denied,
    uniqCombinedMerge(12)(s.networks_state) AS networks,
    uniqCombinedMerge(12)(s.workloads_state) AS workloads,
    min(s.first_ts) AS first_seen,
    max(s.last_ts) AS last_seen,
    greatest(any(d.issued), max(s.issued)) AS issued_at,
    if(toYear(issued_at) = 1970, NULL, dateDiff('day', issued_at, max(s.last_ts))) AS age_days,
    if(any(d.rotate_every) = 0, NULL, intDiv(any(d.rotate_every), 86400000000000)) AS rotate_days,
    arraySort(groupUniqArrayArray(s.clients)) AS clients
FROM credentials_seen AS s
LEFT JOIN declared AS d ON d.identity_id = s.identity_id AND d.ref = s.credential_id
WHERE s.tenant = {tenant:String} AND ({identity:String} = '' OR s.identity_id = {identity:String})
GROUP BY identity_id, credential
ORDER BY toUnixTimestamp(first_seen) * if({newest:UInt8} = 1, -1, 1), identity_id, credential
LIMIT {top:UInt32}
