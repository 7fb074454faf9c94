-- title: Credentials never rotated
-- question: Which credentials have been in use for longer than a key should live?
-- param: days UInt32 = 90 -- age from which a credential is old
-- param: top UInt32 = 200 -- rows to show, oldest first
WITH declared AS
(
    SELECT identity_id, c.1 AS ref, c.2 AS issued
    FROM identities_current
    ARRAY JOIN arrayZip(credentials_ref, credentials_issued) AS c
    WHERE tenant = {tenant:String} AND managed
)
SELECT
    s.identity_id AS identity_id,
    s.credential_id AS credential,
    any(s.credential_type) AS type,
    if(any(d.ref) != '' AND toYear(any(d.issued)) != 1970, any(d.issued), min(s.first_ts)) AS since,
    dateDiff('day', since, max(s.last_ts)) AS days_in_use,
    sum(s.calls) AS calls,
    max(s.last_ts) AS last_seen
FROM credentials_seen AS s
LEFT JOIN declared AS d ON d.identity_id = s.identity_id AND d.ref = s.credential_id
-- A session ends by itself.
WHERE s.tenant = {tenant:String} AND s.credential_type NOT IN ('session', 'token', 'jwt')
GROUP BY identity_id, credential
HAVING days_in_use >= {days:UInt32}
ORDER BY days_in_use DESC, identity_id, credential
LIMIT {top:UInt32}
