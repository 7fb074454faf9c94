-- title: Stale credentials still in use
-- question: Which credentials in use are past their rotation, expiry, or a given age?
-- param: max_age_days UInt32 = 365 -- without a declared rotation, older than this is stale
-- param: days UInt32 = 30 -- in use means within so many days before the newest event
-- param: top UInt32 = 100 -- rows to show, oldest first
WITH (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) AS newest
SELECT
    identity_id,
    any(e.owner) AS owner,
    declared_credential_ref AS credential,
    any(declared_credential_type) AS credential_type,
    max(declared_credential_issued) AS issued,
    max(declared_credential_expires) AS expires,
    max(declared_credential_revoked) AS revoked,
    dateDiff('day', issued, newest) AS age_days,
    intDiv(max(declared_credential_rotate_every), 86400000000000) AS rotate_days,
    multiIf(
        toYear(revoked) > 1970 AND revoked < newest, 'revoked',
        toYear(expires) > 1970 AND expires < newest, 'expired',
        rotate_days > 0 AND toYear(issued) > 1970 AND age_days > rotate_days, 'rotation overdue',
        toYear(issued) > 1970 AND age_days > {max_age_days:UInt32}, 'old', '') AS reason,
    count() AS calls,
    max(ts) AS last_use
FROM events AS e
WHERE tenant = {tenant:String} AND declared_credential_ref != ''
  AND ts >= newest - toIntervalDay({days:UInt32})
GROUP BY identity_id, declared_credential_ref
HAVING reason != ''
ORDER BY issued, identity_id, credential
LIMIT {top:UInt32}
