-- title: History of an identity
-- question: What did this identity do, call by call, and what was said about it?
-- param: identity String = -- canonical id, such as aws:123456789012:role/ci-deploy; with an alert, that alert's when empty
-- param: alert String = -- an alert's id: from a day before its first call to a day after its last
-- param: days UInt32 = 7 -- without an alert: days to look back from its newest call
-- param: top UInt32 = 200 -- rows to show, newest first
WITH
    (SELECT (min(first_ts), max(last_ts), any(toString(identity_id))) FROM alerts_current WHERE tenant = {tenant:String} AND alert_id = {alert:String}) AS told,
    if({identity:String} = '', told.3, {identity:String}) AS whose,
    if({alert:String} = '', (SELECT max(ts) FROM events WHERE tenant = {tenant:String} AND identity_id = {identity:String}) - toIntervalDay({days:UInt32}), toDateTime64(told.1, 6, 'UTC') - toIntervalDay(1)) AS since,
    if({alert:String} = '', toDateTime64('2299-01-01 00:00:00', 6, 'UTC'), toDateTime64(told.2, 6, 'UTC') + toIntervalDay(1)) AS until
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
    WHERE tenant = {tenant:String} AND whose != '' AND identity_id = whose AND ts >= since AND ts <= until
    UNION ALL
    SELECT
        toDateTime64(first_ts, 6, 'UTC'), 'alert', title, toString(severity), '', '', toString(credential_id), '', '', '', alert_id
    FROM alerts_current
    WHERE tenant = {tenant:String} AND whose != '' AND identity_id = whose AND first_ts >= since AND first_ts <= until
)
ORDER BY time DESC, what, id
LIMIT {top:UInt32}
