-- title: Granted and never used
-- question: Which allowed operations has an identity never used, as far back as the rollup goes?
-- param: identity String = -- one identity; all when empty
-- param: top UInt32 = 200 -- rows to show
SELECT
    i.identity_id AS identity_id,
    i.owner AS owner,
    arrayJoin(i.allowed_operations) AS granted,
    length(u.used) AS operations_used,
    u.observed_days AS observed_days
FROM identities_current AS i
LEFT JOIN
(
    SELECT identity_id, groupUniqArray(toString(operation)) AS used, dateDiff('day', min(h.first_ts), max(h.last_ts)) + 1 AS observed_days
    FROM events_hourly AS h
    WHERE tenant = {tenant:String}
    GROUP BY identity_id
) AS u ON u.identity_id = i.identity_id
WHERE i.tenant = {tenant:String} AND i.managed AND ({identity:String} = '' OR i.identity_id = {identity:String})
  AND NOT arrayExists(
      op -> op LIKE replaceAll(replaceAll(replaceAll(replaceAll(granted, '\\', '\\\\'), '%', '\\%'), '_', '\\_'), '*', '%'),
      u.used)
ORDER BY operations_used DESC, identity_id, granted
LIMIT {top:UInt32}
