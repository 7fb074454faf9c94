-- title: Alerts of one identity
-- question: Which alerts has one identity had?
-- param: identity String -- the identity's id
-- param: top UInt32 = 50 -- rows to show, newest first
SELECT alert_id, first_ts, severity, detector, title, activity, paged
FROM alerts_current
WHERE tenant = {tenant:String} AND (identity_id = {identity:String} OR has(identities, {identity:String}))
ORDER BY first_ts DESC, alert_id
LIMIT {top:UInt32}
