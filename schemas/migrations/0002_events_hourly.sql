-- The hourly rollup: one row an identity, operation and hour, kept when the
-- events themselves have gone. Read it with sum(), min(), max() and the -Merge
-- functions: rows of one key are joined in the background only.
CREATE TABLE IF NOT EXISTS events_hourly
(
    tenant LowCardinality(String),
    identity_id LowCardinality(String),
    hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
    operation LowCardinality(String),
    format SimpleAggregateFunction(anyLast, LowCardinality(String)),
    service SimpleAggregateFunction(anyLast, LowCardinality(String)),
    calls SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    denied SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    errors SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_in SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    bytes_out SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    first_ts SimpleAggregateFunction(min, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    last_ts SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    unmanaged SimpleAggregateFunction(max, UInt8),
    countries SimpleAggregateFunction(groupUniqArrayArray, Array(String)) CODEC(ZSTD(1)),
    asns SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32)) CODEC(ZSTD(1)),
    events_state AggregateFunction(uniqCombined(12), String) CODEC(ZSTD(1)),
    addresses_state AggregateFunction(uniqCombined(12), IPv6) CODEC(ZSTD(1)),
    routes_state AggregateFunction(uniqCombined(12), String) CODEC(ZSTD(1)),
    latency_state AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (tenant, identity_id, hour, operation)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_hourly_mv TO events_hourly AS
SELECT
    tenant,
    identity_id,
    toStartOfHour(toDateTime(ts, 'UTC')) AS hour,
    operation,
    anyLast(e.format) AS format,
    anyLast(e.service) AS service,
    count() AS calls,
    countIf(outcome = 'denied') AS denied,
    countIf(outcome = 'error') AS errors,
    sum(e.bytes_in) AS bytes_in,
    sum(e.bytes_out) AS bytes_out,
    min(ts) AS first_ts,
    max(ts) AS last_ts,
    max(toUInt8(NOT declared_managed)) AS unmanaged,
    groupUniqArrayIf(toString(country), country != '') AS countries,
    groupUniqArrayIf(asn, asn != 0) AS asns,
    uniqCombinedState(12)(id) AS events_state,
    uniqCombinedState(12)(src_ip) AS addresses_state,
    uniqCombinedState(12)(toString(route_template)) AS routes_state,
    quantilesTDigestState(0.5, 0.95, 0.99)(latency_us) AS latency_state
FROM events AS e
GROUP BY tenant, identity_id, hour, operation;
