-- From how many machines at once the inventory allows one credential of an identity to
-- be used.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS declared_workloads UInt32 CODEC(ZSTD(1)) AFTER declared_tokens_per_day;

ALTER TABLE identities
    ADD COLUMN IF NOT EXISTS allowed_workloads UInt32 AFTER allowed_tokens_per_day;

CREATE OR REPLACE VIEW identities_current AS
SELECT *, NOT discovered AS managed
FROM identities FINAL
ORDER BY tenant, identity_id, discovered, NOT startsWith(record_key, 'api/')
LIMIT 1 BY tenant, identity_id;
