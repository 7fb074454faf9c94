-- How exact a place is, in kilometres: 0 where nothing is known of it.
ALTER TABLE events
    ADD COLUMN IF NOT EXISTS geo_radius_km UInt32 CODEC(T64, ZSTD(1)) AFTER longitude;
