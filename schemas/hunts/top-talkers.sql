-- title: Top talkers by bytes
-- question: Which identities take most data out, against their own days before?
-- param: hours UInt32 = 24 -- the window, in hours before the newest event
-- param: days UInt32 = 28 -- days before the window to compare with
-- param: top UInt32 = 30 -- rows to show
WITH (SELECT max(last_ts) FROM events_hourly WHERE tenant = {tenant:String}) - toIntervalHour({hours:UInt32}) AS since
SELECT
    identity_id,
    sumIf(e.bytes_out, hour >= since) AS bytes_out,
    sumIf(e.calls, hour >= since) AS calls,
    round(if(calls = 0, 0, bytes_out / calls)) AS bytes_per_call,
    -- Nobody knows what is usual of who was not there before.
    if(countIf(hour < since) = 0, NULL, round(sumIf(e.bytes_out, hour < since) * {hours:UInt32} / 24 / {days:UInt32})) AS usual_bytes,
    round(bytes_out / nullIf(usual_bytes, 0), 2) AS times_usual,
    topKIf(1)(operation, hour >= since)[1] AS main_operation
FROM events_hourly AS e
WHERE tenant = {tenant:String} AND hour >= since - toIntervalDay({days:UInt32})
GROUP BY identity_id
HAVING calls > 0
ORDER BY bytes_out DESC, calls DESC, identity_id
LIMIT {top:UInt32}
