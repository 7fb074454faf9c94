-- One row a version of an alert; the newest version wins. The whole alert (OCSF
-- Detection Finding) is in `alert`, the other columns are cut from it.
CREATE TABLE IF NOT EXISTS alerts
(
    tenant LowCardinality(String),
    alert_id String CODEC(ZSTD(1)),
    version UInt32,
    -- Frozen at opening, so that all versions share a partition.
    first_ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    last_ts DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    stored_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(Delta, ZSTD(1)),
    activity Enum8('unknown' = 0, 'create' = 1, 'update' = 2, 'close' = 3),
    identity_id LowCardinality(String),
    identity_kind LowCardinality(String),
    identity_name LowCardinality(String),
    owner LowCardinality(String),
    team LowCardinality(String),
    environment LowCardinality(String),
    criticality LowCardinality(String),
    vendor LowCardinality(String),
    route LowCardinality(String),
    managed Bool,
    credential_id LowCardinality(String),
    session_id String CODEC(ZSTD(1)),
    detector LowCardinality(String),
    detectors Array(LowCardinality(String)),
    family LowCardinality(String),
    way LowCardinality(String),
    -- page: this version; paged: this or an earlier one.
    page Bool,
    paged Bool,
    learning Bool,
    severity_id UInt8,
    severity LowCardinality(String),
    risk_score UInt8,
    confidence UInt8,
    surprise Float64 CODEC(ZSTD(1)),
    cell Int32,
    title String CODEC(ZSTD(1)),
    description String CODEC(ZSTD(1)),
    observed String CODEC(ZSTD(1)),
    expected String CODEC(ZSTD(1)),
    rarity String CODEC(ZSTD(1)),
    close_reason LowCardinality(String),
    event_ids Array(String) CODEC(ZSTD(1)),
    operations Array(LowCardinality(String)) CODEC(ZSTD(1)),
    first_checks Array(String) CODEC(ZSTD(1)),
    links Array(String) CODEC(ZSTD(1)),
    identities Array(String) CODEC(ZSTD(1)),
    techniques Array(LowCardinality(String)),
    owasp_nhi Array(LowCardinality(String)),
    owasp_api Array(LowCardinality(String)),
    alert String CODEC(ZSTD(3)),
    INDEX ix_events event_ids TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(first_ts)
ORDER BY (tenant, toDate(first_ts), alert_id)
SETTINGS non_replicated_deduplication_window = 1000;

-- Each alert as it stands now.
CREATE VIEW IF NOT EXISTS alerts_current AS
SELECT * FROM alerts FINAL;
