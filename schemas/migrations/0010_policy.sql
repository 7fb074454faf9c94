-- What the inventory allowed the identity when the event came: a line for each key,
-- as key, tab, who states it, tab, what it allows.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS declared_policy LowCardinality(String) CODEC(ZSTD(1)) AFTER declared_tokens_per_day;
