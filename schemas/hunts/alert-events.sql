-- title: Events of an alert
-- question: Which calls are an alert's samples, with everything that was logged?
-- param: alert String -- the alert's id
SELECT
    e.ts AS time,
    e.identity_id AS identity_id,
    e.operation AS operation,
    e.outcome AS outcome,
    e.src_address AS source,
    e.country AS country,
    e.as_org AS provider,
    e.credential_id AS credential,
    e.client AS client,
    e.resources AS resources,
    e.error_code AS error_code,
    e.id AS id,
    e.raw AS raw
FROM events AS e
WHERE e.tenant = {tenant:String}
  AND e.id IN (SELECT arrayJoin(event_ids) FROM alerts_current WHERE tenant = {tenant:String} AND alert_id = {alert:String})
ORDER BY time, id
LIMIT 1000
