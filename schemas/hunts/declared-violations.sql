-- title: Broken declarations
-- question: Which declared policies are broken, by whom, and with what?
-- param: days UInt32 = 30 -- days to look back from the newest event
-- param: detector String = -- one policy, such as region-policy; all when empty
-- param: top UInt32 = 100 -- rows to show
SELECT
    policy,
    identity_id,
    any(e.owner) AS owner,
    observed,
    any(expected) AS allowed,
    count() AS calls,
    countIf(outcome = 'success') AS succeeded,
    min(ts) AS first_ts,
    max(ts) AS last_ts
FROM events AS e
ARRAY JOIN
    declared_violations_detector AS policy,
    declared_violations_observed AS observed,
    declared_violations_expected AS expected
WHERE tenant = {tenant:String}
  AND ts >= (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32})
  AND ({detector:String} = '' OR policy = {detector:String})
GROUP BY policy, identity_id, observed
ORDER BY calls DESC, policy, identity_id, observed
LIMIT {top:UInt32}
