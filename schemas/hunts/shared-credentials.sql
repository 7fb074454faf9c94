-- title: Credentials shared over networks
-- question: Which credentials are used from several networks or clients within the same hour?
-- param: days UInt32 = 7 -- days to look back from the newest event
-- param: min_networks UInt32 = 2 -- networks in one hour to be listed
-- param: top UInt32 = 50 -- rows to show
SELECT
    credential_id,
    any(identity) AS identity_id,
    max(networks) AS most_networks,
    max(clients) AS most_clients,
    max(providers) AS most_providers,
    count() AS hours_shared,
    min(at) AS first_hour,
    max(at) AS last_hour
FROM
(
    SELECT
        credential_id,
        toStartOfHour(ts) AS at,
        any(identity_id) AS identity,
        uniqExact(src_prefix) AS networks,
        uniqExact(client) AS clients,
        uniqExact(asn) AS providers
    FROM events
    WHERE tenant = {tenant:String} AND credential_id != '' AND outcome = 'success'
      AND network_class NOT IN ('shared_egress', 'office')
      AND ts >= (SELECT max(ts) FROM events WHERE tenant = {tenant:String}) - toIntervalDay({days:UInt32})
    GROUP BY credential_id, at
    HAVING networks >= {min_networks:UInt32}
)
GROUP BY credential_id
ORDER BY most_networks DESC, hours_shared DESC, credential_id
LIMIT {top:UInt32}
