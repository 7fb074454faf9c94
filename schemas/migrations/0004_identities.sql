-- The inventory as Lapwing knows it: declared identities, and discovered ones as
-- records of their own. The newest record of a key wins; a deleted one hides it.
CREATE TABLE IF NOT EXISTS identities
(
    tenant LowCardinality(String),
    -- Key of the record in lapwing.identities: the id, or discovered/ and the id.
    record_key String,
    identity_id String,
    discovered Bool,
    kind LowCardinality(String),
    name String,
    owner LowCardinality(String),
    team LowCardinality(String),
    environment LowCardinality(String),
    criticality LowCardinality(String),
    vendor LowCardinality(String),
    aliases Array(String),
    dependants Array(String),
    runbook String,
    route LowCardinality(String),
    allowed_operations Array(String),
    allowed_countries Array(LowCardinality(String)),
    allowed_regions Array(LowCardinality(String)),
    allowed_networks Array(String),
    allowed_environments Array(LowCardinality(String)),
    allowed_schedule_timezone LowCardinality(String),
    allowed_schedule_windows Array(String),
    allowed_rate_per_minute Float64,
    allowed_rate_burst UInt32,
    credentials_ref Array(String),
    credentials_type Array(LowCardinality(String)),
    credentials_issued Array(DateTime64(3, 'UTC')),
    credentials_expires Array(DateTime64(3, 'UTC')),
    credentials_revoked Array(DateTime64(3, 'UTC')),
    -- Nanoseconds.
    credentials_rotate_every Array(Int64),
    credentials_fingerprint Array(String),
    exceptions_detector Array(LowCardinality(String)),
    exceptions_until Array(DateTime64(3, 'UTC')),
    exceptions_reason Array(String),
    exceptions_by Array(String),
    labels Map(LowCardinality(String), String),
    last_used DateTime64(3, 'UTC'),
    offboarded DateTime64(3, 'UTC'),
    first_seen DateTime64(3, 'UTC'),
    last_seen DateTime64(3, 'UTC'),
    source LowCardinality(String),
    updated_at DateTime64(6, 'UTC'),
    deleted UInt8
)
ENGINE = ReplacingMergeTree(updated_at, deleted)
ORDER BY (tenant, record_key)
SETTINGS non_replicated_deduplication_window = 1000;

-- One row an identity, to join with: what is declared wins over what was discovered.
CREATE VIEW IF NOT EXISTS identities_current AS
SELECT *, NOT discovered AS managed
FROM identities FINAL
ORDER BY tenant, identity_id, discovered
LIMIT 1 BY tenant, identity_id;
