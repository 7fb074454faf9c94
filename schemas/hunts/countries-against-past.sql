-- title: Calls by country per identity against its past
-- question: From which countries does an identity call now, and did it before?
-- param: days UInt32 = 7 -- what counts as now, in days before the newest event
-- param: past UInt32 = 60 -- what counts as before, in days before that
-- param: identity String = -- one identity; all when empty
-- param: top UInt32 = 100 -- rows to show, new countries first
WITH
    (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) AS newest,
    newest - toIntervalDay({days:UInt32}) AS since
SELECT
    identity_id,
    country,
    countIf(ts >= since) AS calls_now,
    countIf(ts < since) AS calls_before,
    round(calls_now / sum(calls_now) OVER (PARTITION BY identity_id), 4) AS share_now,
    round(if(sum(calls_before) OVER (PARTITION BY identity_id) = 0, 0, calls_before / sum(calls_before) OVER (PARTITION BY identity_id)), 4) AS share_before,
    calls_before = 0 AS is_new,
    minIf(ts, ts >= since) AS first_now
FROM events
WHERE tenant = {tenant:String} AND country != '' AND ts >= since - toIntervalDay({past:UInt32})
  AND ({identity:String} = '' OR identity_id = {identity:String})
GROUP BY identity_id, country
HAVING calls_now > 0
ORDER BY is_new DESC, calls_now DESC, identity_id, country
LIMIT {top:UInt32}
