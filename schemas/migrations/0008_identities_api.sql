-- An identity may be declared twice, by an import and by PUT /identities, whose
-- record_key begins with "api/". The latter stands.
CREATE OR REPLACE VIEW identities_current AS
SELECT *, NOT discovered AS managed
FROM identities FINAL
ORDER BY tenant, identity_id, discovered, NOT startsWith(record_key, 'api/')
LIMIT 1 BY tenant, identity_id;
