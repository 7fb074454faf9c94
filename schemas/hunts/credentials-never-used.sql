-- title: Credentials issued and never used
-- question: Which declared credentials has nobody used since they were issued?
-- param: top UInt32 = 200 -- rows to show, oldest first
SELECT
    identity_id,
    owner,
    credential,
    credential_type,
    issued,
    expires
FROM
(
    SELECT identity_id, owner, c.1 AS credential, c.2 AS credential_type, c.3 AS issued, c.4 AS expires, c.5 AS revoked, labels
    FROM identities_current
    ARRAY JOIN arrayZip(credentials_ref, credentials_type, credentials_issued, credentials_expires, credentials_revoked) AS c
    WHERE tenant = {tenant:String} AND managed
)
WHERE toYear(revoked) = 1970
  AND labels[concat(splitByChar('#', credential)[-1], '.last_used')] = '' -- what an import says of a key that no log names
  AND credential NOT IN (SELECT DISTINCT credential_id FROM events WHERE tenant = {tenant:String})
  AND credential NOT IN (SELECT DISTINCT declared_credential_ref FROM events WHERE tenant = {tenant:String})
ORDER BY issued, identity_id, credential
LIMIT {top:UInt32}
