-- title: Everything in use
-- question: Which identities call, with which credentials, from where, to what, and who owns them?
-- param: days UInt32 = 30 -- days to look back from the newest event
-- param: top UInt32 = 500 -- rows to show, busiest first
SELECT
    e.identity_id AS identity_id,
    any(i.kind) AS kind,
    any(i.owner) AS owner,
    any(i.team) AS team,
    max(toUInt8(i.managed)) AS managed,
    count() AS calls,
    uniqExactIf(e.credential_id, e.credential_id != '') AS credentials,
    uniqExact(e.operation) AS operations,
    uniqExact(e.src_prefix) AS networks,
    arraySort(groupUniqArrayIf(5)(toString(e.country), e.country != '')) AS countries,
    groupUniqArray(3)(e.format) AS sources,
    min(e.ts) AS first_ts,
    max(e.ts) AS last_ts
FROM events AS e
LEFT JOIN (SELECT identity_id, kind, owner, team, managed FROM identities_current WHERE tenant = {tenant:String}) AS i ON i.identity_id = e.identity_id
WHERE e.tenant = {tenant:String}
  AND e.ts >= (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32})
GROUP BY identity_id
ORDER BY calls DESC, identity_id
LIMIT {top:UInt32}
