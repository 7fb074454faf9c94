-- title: Exceptions
-- question: Which exceptions are declared, by whom, until when, and which broken declarations did they leave unsaid?
-- param: identity String = -- one identity; all when empty
-- param: ended UInt8 = 1 -- 0 leaves out those that have ended
-- param: top UInt32 = 200 -- rows to show, those that end next first
WITH (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) AS now
SELECT
    x.identity_id AS identity_id,
    x.detector AS detector,
    if(x.until > now, 'in force', 'ended') AS state,
    x.until AS until,
    x.by AS by,
    x.reason AS reason,
    x.owner AS owner,
    countIf(v.identity_id != '' AND v.ts < x.until) AS calls_excepted,
    maxOrNullIf(v.ts, v.identity_id != '' AND v.ts < x.until) AS last_excepted,
    countIf(v.identity_id != '' AND v.ts >= x.until) AS calls_since
FROM
(
    SELECT identity_id, owner, detector, until, reason, by
    FROM identities_current
    ARRAY JOIN exceptions_detector AS detector, exceptions_until AS until, exceptions_reason AS reason, exceptions_by AS by
    WHERE tenant = {tenant:String} AND managed AND ({identity:String} = '' OR identity_id = {identity:String})
) AS x
LEFT JOIN
(
    SELECT identity_id, ts, detector
    FROM events
    ARRAY JOIN declared_violations_detector AS detector
    WHERE tenant = {tenant:String}
) AS v ON v.identity_id = x.identity_id AND v.detector = x.detector
GROUP BY identity_id, detector, until, by, reason, owner
HAVING {ended:UInt8} = 1 OR until > now
ORDER BY state DESC, until, identity_id, detector
LIMIT {top:UInt32}
