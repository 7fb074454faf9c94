-- What is in use: one row a credential, and one an endpoint, for as long as
-- anybody calls with it or to it. Read them with sum(), min(), max() and the
-- -Merge functions.
ALTER TABLE events ADD COLUMN IF NOT EXISTS api_document LowCardinality(String) CODEC(ZSTD(1)) AFTER cost_micros;

CREATE TABLE IF NOT EXISTS credentials_seen
(
    tenant LowCardinality(String),
    identity_id String,
    credential_id String,
    credential_type SimpleAggregateFunction(anyLast, LowCardinality(String)),
    format SimpleAggregateFunction(anyLast, LowCardinality(String)),
    calls SimpleAggregateFunction(sum, UInt64),
    denied SimpleAggregateFunction(sum, UInt64),
    first_ts SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_ts SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    -- As logged, not as declared.
    issued SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    expires SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    networks_state AggregateFunction(uniqCombined(12), String),
    workloads_state AggregateFunction(uniqCombined(12), String),
    clients SimpleAggregateFunction(groupUniqArrayArray, Array(String))
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, identity_id, credential_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS credentials_seen_mv TO credentials_seen AS
SELECT
    tenant,
    toString(e.identity_id) AS identity_id,
    toString(e.credential_id) AS credential_id,
    anyLast(e.credential_type) AS credential_type,
    anyLast(e.format) AS format,
    count() AS calls,
    countIf(outcome = 'denied') AS denied,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    max(e.credential_issued) AS issued,
    max(e.credential_expires) AS expires,
    uniqCombinedState(12)(toString(src_prefix)) AS networks_state,
    uniqCombinedState(12)(toString(workload)) AS workloads_state,
    groupUniqArrayIf(toString(client), client != '') AS clients
FROM events AS e
WHERE credential_id != ''
GROUP BY tenant, identity_id, credential_id;

CREATE TABLE IF NOT EXISTS endpoints_seen
(
    tenant LowCardinality(String),
    -- The host of the API, else the gateway's name for it.
    api String,
    operation String,
    format SimpleAggregateFunction(anyLast, LowCardinality(String)),
    api_document SimpleAggregateFunction(max, String),
    -- An API document describes this API, but not this endpoint.
    shadow SimpleAggregateFunction(max, UInt8),
    calls SimpleAggregateFunction(sum, UInt64),
    denied SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    bytes_out SimpleAggregateFunction(sum, UInt64),
    first_ts SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_ts SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    identities_state AggregateFunction(uniqCombined(12), String),
    anonymous SimpleAggregateFunction(sum, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (tenant, api, operation)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS endpoints_seen_mv TO endpoints_seen AS
SELECT
    tenant,
    if(e.host != '', toString(e.host), toString(e.service)) AS api,
    toString(e.operation) AS operation,
    anyLast(e.format) AS format,
    max(toString(e.api_document)) AS api_document,
    max(toUInt8(has(declared_violations_detector, 'shadow-api'))) AS shadow,
    count() AS calls,
    countIf(outcome = 'denied') AS denied,
    countIf(outcome = 'error') AS errors,
    sum(e.bytes_out) AS bytes_out,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    uniqCombinedState(12)(toString(e.identity_id)) AS identities_state,
    countIf(e.anonymous) AS anonymous
FROM events AS e
WHERE http_method != '' AND status_code NOT IN (404, 405, 410, 501)
GROUP BY tenant, api, operation;
