-- title: Made or granted, then used
-- question: Which credentials and rights were given lately, and who first used them, from where?
-- param: days UInt32 = 30 -- given in so many days before the newest event
-- param: identity String = -- one identity, as giver or as user; all when empty
-- param: pattern String = (?i)(^|[^a-z])(admin|batch)?(create|generate|add|issue|reset|put|attach|update|set)\w*(key|token|secret|credential|password|loginprofile|user|policy|permission|role|member|binding|grant)|/(keys|tokens?|credentials|users)$ -- regular expression over operations that give
-- param: top UInt32 = 100 -- rows to show, latest use first
WITH given AS
(
    SELECT
        ts AS given_at,
        id AS event_id,
        toString(identity_id) AS given_by,
        toString(operation) AS given_with,
        src_address AS given_from,
        -- Logs that answer with the new key's id name it here.
        arrayFilter(x -> x != '', arrayMap(name -> splitByRegexp('[/:]', attributes[name])[-1],
            ['responseElements.accessKey.accessKeyId', 'responseElements.serviceSpecificCredential.serviceSpecificCredentialId', 'responseElements.credentials.accessKeyId', 'response.name'])) AS keys,
        arrayDistinct(arrayFilter(x -> x != '', arrayMap(r -> splitByRegexp('[/:]', r)[-1], arrayConcat(resources, grantees)))) AS names
    FROM events
    WHERE tenant = {tenant:String} AND outcome = 'success' AND read_only != 'true' AND match(operation, {pattern:String})
      AND ts >= (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32})
),
-- What an identity had never used before: a key, or an operation.
begun AS
(
    SELECT toString(identity_id) AS used_by, splitByRegexp('[/:]', toString(credential_id))[-1] AS key, min(c.first_ts) AS first_use, max(c.last_ts) AS last_use, sum(c.calls) AS calls
    FROM credentials_seen AS c
    WHERE tenant = {tenant:String}
    GROUP BY used_by, key
),
tried AS
(
    SELECT toString(identity_id) AS used_by, toString(operation) AS op, min(h.first_ts) AS first_use, max(h.last_ts) AS last_use, sum(h.calls) AS calls
    FROM events_hourly AS h
    WHERE tenant = {tenant:String}
    GROUP BY used_by, op
),
used AS
(
    SELECT g.*, 'the key made' AS joined_by, u.key AS what, u.used_by AS used_by, u.first_use AS first_use, u.last_use AS last_use, u.calls AS calls
    FROM (SELECT *, arrayJoin(keys) AS link FROM given) AS g INNER JOIN begun AS u ON u.key = g.link
    WHERE u.first_use >= g.given_at
    UNION ALL
    SELECT g.*, 'a new key of the target', u.key, u.used_by, u.first_use, u.last_use, u.calls
    FROM (SELECT *, arrayJoin(names) AS link FROM given WHERE empty(keys)) AS g INNER JOIN begun AS u ON splitByRegexp('[/:]', u.used_by)[-1] = g.link
    WHERE u.first_use >= g.given_at AND extract(u.used_by, '^[^:/]*[:/][^:/]*') = extract(g.given_by, '^[^:/]*[:/][^:/]*')
    UNION ALL
    SELECT g.*, 'a new operation of the target', u.op, u.used_by, u.first_use, u.last_use, u.calls
    FROM (SELECT *, arrayJoin(names) AS link FROM given WHERE empty(keys)) AS g INNER JOIN tried AS u ON splitByRegexp('[/:]', u.used_by)[-1] = g.link
    WHERE u.first_use >= g.given_at AND extract(u.used_by, '^[^:/]*[:/][^:/]*') = extract(g.given_by, '^[^:/]*[:/][^:/]*')
)
SELECT
    u.given_at AS given_at,
    u.given_by AS given_by,
    u.given_with AS given_with,
    u.given_from AS given_from,
    u.used_by AS used_by,
    u.joined_by AS joined_by,
    u.what AS used,
    u.first_use AS first_use,
    dateDiff('minute', u.given_at, u.first_use) AS minutes_later,
    any(e.operation) AS first_operation,
    any(e.outcome) AS first_outcome,
    any(e.src_address) AS used_from,
    any(e.country) AS country,
    any(u.calls) AS calls_since,
    any(u.event_id) AS given_event
FROM (SELECT * FROM used WHERE {identity:String} = '' OR given_by = {identity:String} OR used_by = {identity:String}) AS u
LEFT JOIN (SELECT identity_id, ts, operation, outcome, src_address, country FROM events WHERE tenant = {tenant:String} AND (toString(identity_id), ts) IN (SELECT used_by, first_use FROM used)) AS e
    ON toString(e.identity_id) = u.used_by AND e.ts = u.first_use
GROUP BY given_at, given_by, given_with, given_from, used_by, joined_by, used, first_use
ORDER BY first_use DESC, given_at, used_by, joined_by, used
LIMIT {top:UInt32}
