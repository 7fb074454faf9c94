-- One row an event of lapwing.events. A column has the name of its field in
-- event.proto (nested fields joined by _), only `time` is called ts here. Times
-- are kept to the microsecond; 1970-01-01 means unknown.
--
-- Retention counts from when a row was stored, not from its event time, so that
-- a back-fill of old logs is not deleted on arrival: raw text 7 days, rows 90.
-- Change it with ALTER TABLE events MODIFY TTL …. Parts are compact up to
-- 128 MiB: with a file a column an insert would write a hundred of them.
CREATE TABLE IF NOT EXISTS events
(
    tenant LowCardinality(String) CODEC(ZSTD(1)),
    ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    id String CODEC(ZSTD(1)),
    received_time DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    stored_at DateTime('UTC') DEFAULT now() CODEC(Delta, ZSTD(1)),
    format LowCardinality(String) CODEC(ZSTD(1)),

    raw_topic LowCardinality(String) CODEC(ZSTD(1)),
    raw_partition Int32 CODEC(T64, ZSTD(1)),
    raw_offset Int64 CODEC(T64, ZSTD(1)),
    raw_index Int32 CODEC(T64, ZSTD(1)),
    watermark DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    late Bool CODEC(ZSTD(1)),
    backfill Bool CODEC(ZSTD(1)),

    identity_id LowCardinality(String) CODEC(ZSTD(1)),
    identity_kind LowCardinality(String) CODEC(ZSTD(1)),
    identity_name LowCardinality(String) CODEC(ZSTD(1)),
    owner LowCardinality(String) CODEC(ZSTD(1)),
    team LowCardinality(String) CODEC(ZSTD(1)),
    environment LowCardinality(String) CODEC(ZSTD(1)),
    criticality LowCardinality(String) CODEC(ZSTD(1)),
    vendor LowCardinality(String) CODEC(ZSTD(1)),
    route LowCardinality(String) CODEC(ZSTD(1)),
    runbook LowCardinality(String) CODEC(ZSTD(1)),
    dependants Array(LowCardinality(String)) CODEC(ZSTD(1)),

    declared_managed Bool CODEC(ZSTD(1)),
    declared_violations_detector Array(LowCardinality(String)) CODEC(ZSTD(1)),
    declared_violations_observed Array(String) CODEC(ZSTD(1)),
    declared_violations_expected Array(String) CODEC(ZSTD(1)),
    declared_rate_per_minute Float64 CODEC(ZSTD(1)),
    declared_rate_burst UInt32 CODEC(T64, ZSTD(1)),
    declared_exceptions_detector Array(LowCardinality(String)) CODEC(ZSTD(1)),
    declared_exceptions_until Array(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    declared_exceptions_reason Array(String) CODEC(ZSTD(1)),
    declared_exceptions_by Array(String) CODEC(ZSTD(1)),
    declared_credential_ref LowCardinality(String) CODEC(ZSTD(1)),
    declared_credential_type LowCardinality(String) CODEC(ZSTD(1)),
    declared_credential_issued DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    declared_credential_expires DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    declared_credential_revoked DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- Nanoseconds.
    declared_credential_rotate_every Int64 CODEC(T64, ZSTD(1)),
    declared_target_environment LowCardinality(String) CODEC(ZSTD(1)),
    declared_last_used DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),

    principal LowCardinality(String) CODEC(ZSTD(1)),
    principal_type LowCardinality(String) CODEC(ZSTD(1)),
    principal_issuer LowCardinality(String) CODEC(ZSTD(1)),
    credential_id LowCardinality(String) CODEC(ZSTD(1)),
    credential_type LowCardinality(String) CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    delegation Array(LowCardinality(String)) CODEC(ZSTD(1)),
    mfa Bool CODEC(ZSTD(1)),
    anonymous Bool CODEC(ZSTD(1)),

    operation LowCardinality(String) CODEC(ZSTD(1)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    http_method LowCardinality(String) CODEC(ZSTD(1)),
    url_path String CODEC(ZSTD(1)),
    route_template LowCardinality(String) CODEC(ZSTD(1)),
    host LowCardinality(String) CODEC(ZSTD(1)),
    status_code UInt32 CODEC(T64, ZSTD(1)),
    outcome Enum8('unknown' = 0, 'success' = 1, 'denied' = 2, 'error' = 3) CODEC(ZSTD(1)),
    error_code LowCardinality(String) CODEC(ZSTD(1)),
    error_message String CODEC(ZSTD(1)),
    request_id String CODEC(ZSTD(1)),
    bytes_in UInt64 CODEC(T64, ZSTD(1)),
    bytes_out UInt64 CODEC(T64, ZSTD(1)),
    latency_us UInt64 CODEC(T64, ZSTD(1)),
    resources Array(String) CODEC(ZSTD(1)),
    target_account LowCardinality(String) CODEC(ZSTD(1)),
    grantees Array(String) CODEC(ZSTD(1)),
    read_only Enum8('unknown' = 0, 'true' = 1, 'false' = 2) CODEC(ZSTD(1)),

    -- IPv4 is mapped (::ffff:192.0.2.1). What a source logs in place of an
    -- address, such as a service's name, stands in src_name.
    src_ip IPv6 CODEC(ZSTD(1)),
    src_name LowCardinality(String) CODEC(ZSTD(1)),
    src_address String ALIAS if(src_ip = toIPv6('::'), toString(src_name), replaceOne(toString(src_ip), '::ffff:', '')),
    src_prefix LowCardinality(String) CODEC(ZSTD(1)),
    country LowCardinality(String) CODEC(ZSTD(1)),
    geo_precision LowCardinality(String) CODEC(ZSTD(1)),
    latitude Float64 CODEC(ZSTD(1)),
    longitude Float64 CODEC(ZSTD(1)),
    asn UInt32 CODEC(T64, ZSTD(1)),
    as_org LowCardinality(String) CODEC(ZSTD(1)),
    network_class LowCardinality(String) CODEC(ZSTD(1)),
    network_name LowCardinality(String) CODEC(ZSTD(1)),
    user_agent LowCardinality(String) CODEC(ZSTD(1)),
    client LowCardinality(String) CODEC(ZSTD(1)),
    tls_fingerprint LowCardinality(String) CODEC(ZSTD(1)),

    cloud_provider LowCardinality(String) CODEC(ZSTD(1)),
    region LowCardinality(String) CODEC(ZSTD(1)),
    account LowCardinality(String) CODEC(ZSTD(1)),

    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    raw String CODEC(ZSTD(1)) TTL stored_at + INTERVAL 7 DAY,

    INDEX ix_id id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX ix_src_ip src_ip TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX ix_credential credential_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX ix_request request_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX ix_attribute_keys mapKeys(attributes) TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX ix_attribute_values mapValues(attributes) TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX ix_path url_path TYPE tokenbf_v1(4096, 2, 0) GRANULARITY 4,
    INDEX ix_offset raw_offset TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(ts)
ORDER BY (tenant, identity_id, toStartOfHour(ts), ts)
TTL stored_at + INTERVAL 90 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, min_bytes_for_wide_part = 134217728;
