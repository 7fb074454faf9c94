-- How many records a call gave out, where the source counts them, and what the
-- inventory allows an identity to spend on models in a day.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS records_out UInt64 CODEC(T64, ZSTD(1)) AFTER cost_micros,
    ADD COLUMN IF NOT EXISTS declared_spend_micros_per_day UInt64 CODEC(ZSTD(1)) AFTER declared_last_used,
    ADD COLUMN IF NOT EXISTS declared_tokens_per_day UInt64 CODEC(ZSTD(1)) AFTER declared_spend_micros_per_day;

ALTER TABLE identities
    ADD COLUMN IF NOT EXISTS allowed_spend_per_day Float64 AFTER allowed_rate_burst,
    ADD COLUMN IF NOT EXISTS allowed_tokens_per_day UInt64 AFTER allowed_spend_per_day;

CREATE OR REPLACE VIEW identities_current AS
SELECT *, NOT discovered AS managed
FROM identities FINAL
ORDER BY tenant, identity_id, discovered, NOT startsWith(record_key, 'api/')
LIMIT 1 BY tenant, identity_id;
