-- What sources say of an identity beyond its name: whom it acted as, what it
-- was granted, how it was proved, and what a model consumed.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS acting_as LowCardinality(String) CODEC(ZSTD(1)) AFTER anonymous,
    ADD COLUMN IF NOT EXISTS scopes Array(LowCardinality(String)) CODEC(ZSTD(1)) AFTER acting_as,
    ADD COLUMN IF NOT EXISTS credential_issued DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) AFTER scopes,
    ADD COLUMN IF NOT EXISTS credential_expires DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)) AFTER credential_issued,
    ADD COLUMN IF NOT EXISTS oauth_client LowCardinality(String) CODEC(ZSTD(1)) AFTER credential_expires,
    ADD COLUMN IF NOT EXISTS client_certificate LowCardinality(String) CODEC(ZSTD(1)) AFTER oauth_client,
    ADD COLUMN IF NOT EXISTS tokens_in UInt64 CODEC(T64, ZSTD(1)) AFTER read_only,
    ADD COLUMN IF NOT EXISTS tokens_out UInt64 CODEC(T64, ZSTD(1)) AFTER tokens_in,
    -- Millionths of a US dollar.
    ADD COLUMN IF NOT EXISTS cost_micros UInt64 CODEC(T64, ZSTD(1)) AFTER tokens_out,
    ADD COLUMN IF NOT EXISTS forwarded_for Array(String) CODEC(ZSTD(1)) AFTER tls_fingerprint,
    ADD COLUMN IF NOT EXISTS peer_ip String CODEC(ZSTD(1)) AFTER forwarded_for,
    ADD COLUMN IF NOT EXISTS workload LowCardinality(String) CODEC(ZSTD(1)) AFTER account;
