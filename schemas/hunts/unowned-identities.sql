-- title: Identities without an owner
-- question: Which identities call although nobody answers for them, or although their owner's access has ended?
-- param: top UInt32 = 200 -- rows to show, busiest first
SELECT
    h.identity_id AS identity_id,
    multiIf(NOT any(i.managed), 'in no inventory', toYear(any(i.offboarded)) != 1970, 'offboarded', 'no owner') AS reason,
    any(i.team) AS team,
    sum(h.calls) AS calls,
    min(h.first_ts) AS first_seen,
    max(h.last_ts) AS last_seen
FROM events_hourly AS h
LEFT JOIN (SELECT identity_id, managed, owner, team, offboarded FROM identities_current WHERE tenant = {tenant:String}) AS i ON i.identity_id = h.identity_id
WHERE h.tenant = {tenant:String} AND NOT startsWith(h.identity_id, 'anonymous:')
GROUP BY identity_id
HAVING any(i.owner) = '' OR toYear(any(i.offboarded)) != 1970
ORDER BY calls DESC, identity_id
LIMIT {top:UInt32}
