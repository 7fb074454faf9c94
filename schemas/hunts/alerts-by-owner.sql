-- title: Alerts by owner
-- question: Whose identities raise alerts, how grave, and which detectors found them?
-- param: days UInt32 = 30 -- days to look back from the newest alert
-- param: top UInt32 = 50 -- rows to show
SELECT
    if(owner = '', '(nobody)', toString(owner)) AS responsible,
    any(a.team) AS team,
    count() AS alerts,
    countIf(paged) AS pages,
    countIf(severity_id >= 4) AS high_or_critical,
    countIf(activity != 'close') AS open,
    uniqExact(identity_id) AS identities,
    topK(5)(detector) AS detectors,
    max(a.risk_score) AS highest_risk,
    max(a.ts) AS newest
FROM alerts_current AS a
WHERE tenant = {tenant:String}
  AND first_ts >= (SELECT max(first_ts) FROM alerts WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32})
GROUP BY responsible
ORDER BY high_or_critical DESC, alerts DESC, responsible
LIMIT {top:UInt32}
