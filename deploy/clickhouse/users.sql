-- Least-privilege users for Lapwing on a ClickHouse server, 24.3 or later. Run it as
-- an administrator, after choosing passwords and, if need be, another database:
--
--     clickhouse-client --multiquery < deploy/clickhouse/users.sql
--     clickhouse-client --multiquery < schemas/hunters.sql        # the role for hunters, after migrate
--
-- scripts/clickhouse-grants.sh holds a server against what is granted here.

CREATE DATABASE IF NOT EXISTS lapwing;

-- `lapwing migrate`: makes tables and views, and is their materialized views'
-- definer, so it reads and writes what these do.
CREATE USER IF NOT EXISTS lapwing_migrate IDENTIFIED BY 'CHANGE-ME-migrate';
GRANT CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP VIEW, ALTER TABLE, SELECT, INSERT ON lapwing.* TO lapwing_migrate;

-- `lapwing run`: the roles store and alert add rows, and read which migrations were
-- applied. It can read no event, alert or identity, and change no table.
CREATE USER IF NOT EXISTS lapwing_writer IDENTIFIED BY 'CHANGE-ME-writer';
GRANT INSERT ON lapwing.events TO lapwing_writer;
GRANT INSERT ON lapwing.identities TO lapwing_writer;
GRANT INSERT ON lapwing.alerts TO lapwing_writer;
GRANT SELECT ON lapwing.migrations TO lapwing_writer;

-- A person who hunts, and the commands hunt, alert, identity and profile, which only
-- read (LAPWING_CLICKHOUSE_USER, LAPWING_CLICKHOUSE_PASSWORD). schemas/hunters.sql
-- makes the role, with its limits and its tenant.
CREATE USER IF NOT EXISTS lapwing_hunter_one IDENTIFIED BY 'CHANGE-ME-hunter';
-- After schemas/hunters.sql:
--     GRANT lapwing_hunter TO lapwing_hunter_one; SET DEFAULT ROLE lapwing_hunter TO lapwing_hunter_one;
