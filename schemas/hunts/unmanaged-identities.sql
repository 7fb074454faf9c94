-- title: Unmanaged identities by volume
-- question: Which identities that nobody has declared make most calls?
-- param: days UInt32 = 30 -- days to look back from the newest event
-- param: top UInt32 = 50 -- rows to show
SELECT
    e.identity_id AS identity_id,
    sum(e.calls) AS calls,
    uniqExact(e.operation) AS operations,
    uniqCombinedMerge(12)(e.addresses_state) AS addresses,
    arraySort(groupUniqArrayArray(e.countries)) AS countries,
    sum(e.denied) AS denied,
    min(e.first_ts) AS first_ts,
    max(e.last_ts) AS last_ts,
    any(e.format) AS format
FROM events_hourly AS e
LEFT JOIN (SELECT identity_id, managed FROM identities_current WHERE tenant = {tenant:String}) AS i ON i.identity_id = e.identity_id
WHERE e.tenant = {tenant:String} AND NOT i.managed
  AND e.hour >= (SELECT max(hour) FROM events_hourly WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32})
GROUP BY identity_id
HAVING max(e.unmanaged) = 1
ORDER BY calls DESC, identity_id
LIMIT {top:UInt32}
