-- title: Identities without an owner
-- question: Which identities call although nobody answers for them, or although their owner's access has ended?
-- param: top UInt32 = 200 -- rows to show, busiest first
WITH (
    -- An owner has left when an identity with that id or alias is declared as offboarded: okta:user/00u1 with the alias carol@example.com.
    SELECT groupUniqArrayArray(arrayConcat([identity_id], aliases))
    FROM identities_current
    WHERE tenant = {tenant:String} AND managed AND toYear(offboarded) != 1970
) AS gone
SELECT
    h.identity_id AS identity_id,
    multiIf(NOT any(i.managed), 'in no inventory', toYear(any(i.offboarded)) != 1970, 'offboarded', any(i.owner) = '', 'no owner', 'owner has left') AS reason,
    any(i.owner) AS owner,
    any(i.team) AS team,
    sum(h.calls) AS calls,
    min(h.first_ts) AS first_seen,
    max(h.last_ts) AS last_seen
FROM events_hourly AS h
LEFT JOIN (SELECT identity_id, managed, owner, team, offboarded FROM identities_current WHERE tenant = {tenant:String}) AS i ON i.identity_id = h.identity_id
WHERE h.tenant = {tenant:String} AND NOT startsWith(h.identity_id, 'anonymous:')
GROUP BY identity_id
HAVING any(i.owner) = '' OR toYear(any(i.offboarded)) != 1970 OR arrayExists(who -> who = any(i.owner) OR endsWith(who, concat('/', any(i.owner))), gone)
ORDER BY calls DESC, identity_id
LIMIT {top:UInt32}
