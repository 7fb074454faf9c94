-- title: Where one identity calls from
-- question: From which networks, places, clients and workloads does one identity call?
-- param: identity String -- the identity's id
-- param: top UInt32 = 100 -- rows to show, busiest first
SELECT
    src_prefix AS network,
    any(country) AS country,
    any(if(asn = 0, '', concat('AS', toString(asn), ' ', as_org))) AS provider,
    any(network_class) AS class,
    count() AS calls,
    groupUniqArrayIf(3)(toString(client), client != '') AS clients,
    uniqExactIf(workload, workload != '') AS workloads,
    min(ts) AS first_seen,
    max(ts) AS last_seen
FROM events
WHERE tenant = {tenant:String} AND identity_id = {identity:String}
GROUP BY network
ORDER BY calls DESC, network
LIMIT {top:UInt32}
