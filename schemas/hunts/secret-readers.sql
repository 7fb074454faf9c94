-- title: Readers of secrets
-- question: Who reads secrets, keys and tokens, which ones, and since when?
-- param: days UInt32 = 30 -- days to look back from the newest event
-- param: pattern String = (?i)secret|kms:decrypt|getparameter|vault|/keys|/tokens?|/credentials? -- regular expression over the operation and the path
-- param: top UInt32 = 100 -- rows to show
SELECT
    identity_id,
    any(e.owner) AS owner,
    operation,
    count() AS calls,
    countIf(outcome = 'success') AS succeeded,
    countIf(outcome = 'denied') AS denied,
    uniqExactArray(resources) AS objects,
    arraySlice(groupUniqArrayArray(10)(resources), 1, 3) AS examples,
    min(ts) AS first_ts,
    max(ts) AS last_ts
FROM events AS e
WHERE tenant = {tenant:String}
  AND ts >= (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32})
  AND (match(operation, {pattern:String}) OR match(url_path, {pattern:String}))
GROUP BY identity_id, operation
ORDER BY first_ts DESC, identity_id, operation
LIMIT {top:UInt32}
