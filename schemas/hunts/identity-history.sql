-- title: History of an identity
-- question: What did this identity do, call by call, and what was said about it?
-- param: identity String -- canonical id, such as aws:123456789012:role/ci-deploy
-- param: days UInt32 = 7 -- days to look back from its newest call
-- param: top UInt32 = 200 -- rows to show, newest first
WITH newest AS (SELECT max(ts) FROM events WHERE tenant = {tenant:String} AND identity_id = {identity:String})
SELECT * FROM
(
    SELECT
        ts AS time,
        'call' AS what,
        toString(operation) AS detail,
        toString(outcome) AS result,
        src_address AS source,
        toString(country) AS country,
        toString(credential_id) AS credential,
        toString(client) AS client,
        arrayStringConcat(resources, ', ') AS touched,
        arrayStringConcat(grantees, ', ') AS granted_to,
        id
    FROM events
    WHERE tenant = {tenant:String} AND identity_id = {identity:String}
      AND ts >= (SELECT * FROM newest) - toIntervalDay({days:UInt32})
    UNION ALL
    SELECT
        toDateTime64(first_ts, 6, 'UTC'), 'alert', title, toString(severity), '', '', toString(credential_id), '', '', '', alert_id
    FROM alerts_current
    WHERE tenant = {tenant:String} AND identity_id = {identity:String}
      AND first_ts >= (SELECT * FROM newest) - toIntervalDay({days:UInt32})
)
ORDER BY time DESC, what, id
LIMIT {top:UInt32}
