-- title: History of a source address
-- question: What did a source address do, as whom, with what outcome, and when first and last?
-- param: address String = -- the address, such as 203.0.113.9
-- param: alert String = -- or an alert's id: the addresses of its sample events, from a day before it to a day after
-- param: days UInt32 = 7 -- without an alert: days to look back from the newest event
-- param: top UInt32 = 200 -- rows to show: addresses with the fewest kinds of calls first, each from its first call
WITH
    (SELECT (min(first_ts), max(last_ts)) FROM alerts_current WHERE tenant = {tenant:String} AND alert_id = {alert:String}) AS span,
    if({alert:String} = '', (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32}), toDateTime64(span.1, 6, 'UTC') - toIntervalDay(1)) AS since,
    if({alert:String} = '', toDateTime64('2299-01-01 00:00:00', 6, 'UTC'), toDateTime64(span.2, 6, 'UTC') + toIntervalDay(1)) AS until
SELECT
    src_address AS source,
    identity_id,
    operation,
    outcome,
    count() AS calls,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    any(e.owner) AS owner,
    any(e.country) AS country,
    any(e.as_org) AS provider,
    groupUniqArray(3)(credential_id) AS credentials,
    groupUniqArrayIf(3)(toString(client), client != '') AS clients,
    arraySlice(groupUniqArrayArray(10)(resources), 1, 3) AS touched
FROM events AS e
WHERE tenant = {tenant:String} AND ts >= since AND ts <= until
  AND ({address:String} != '' AND if(isNull(toIPv6OrNull({address:String})), src_name = {address:String}, src_ip = toIPv6OrDefault({address:String}))
    OR {address:String} = '' AND {alert:String} != '' AND src_address != '' AND src_address IN
    (
        SELECT src_address FROM events
        WHERE tenant = {tenant:String}
          AND id IN (SELECT arrayJoin(event_ids) FROM alerts_current WHERE tenant = {tenant:String} AND alert_id = {alert:String})
    ))
GROUP BY source, identity_id, operation, outcome
-- A stranger's address first, then a NAT that half the fleet calls from.
ORDER BY count() OVER (PARTITION BY source), source, first_ts, identity_id, operation, outcome
LIMIT {top:UInt32}
