-- A role for hunters on a ClickHouse server. `lapwing migrate` does not apply it,
-- because it needs the right to manage access; run it once as an administrator:
--
--     clickhouse-client --multiquery < schemas/hunters.sql
--     GRANT lapwing_hunter TO alice; SET DEFAULT ROLE lapwing_hunter TO alice;
--
-- Never hunt with the user that Lapwing writes with. The embedded engine knows no
-- users: there the hunter's token in run.json does the same.

-- readonly = 2 alone would let a hunter lift each limit with SETTINGS. Clients send
-- a time and a number of rows of their own: these may be lower, the rest is CONST.
CREATE SETTINGS PROFILE IF NOT EXISTS lapwing_hunter;
ALTER SETTINGS PROFILE lapwing_hunter SETTINGS
    readonly = 2 CONST,
    allow_ddl = 0 CONST,
    max_execution_time = 60 MIN 1 MAX 60,
    max_memory_usage = 4000000000 CONST,
    max_rows_to_read = 2000000000 CONST,
    max_result_rows = 100000 MIN 1 MAX 100000,
    result_overflow_mode = 'break' CONST;

CREATE ROLE IF NOT EXISTS lapwing_hunter SETTINGS PROFILE 'lapwing_hunter';

-- What hunts read, by name. A grant of lapwing.* would hold for the materialized
-- views too: they give the rows of their targets, and the targets' policies do not
-- hold there. The two views read as who asks, so that their tables' policies hold.
REVOKE SELECT ON lapwing.* FROM lapwing_hunter;
GRANT SELECT ON lapwing.events TO lapwing_hunter;
GRANT SELECT ON lapwing.events_hourly TO lapwing_hunter;
GRANT SELECT ON lapwing.alerts TO lapwing_hunter;
GRANT SELECT ON lapwing.alerts_current TO lapwing_hunter;
GRANT SELECT ON lapwing.identities TO lapwing_hunter;
GRANT SELECT ON lapwing.identities_current TO lapwing_hunter;
GRANT SELECT ON lapwing.credentials_seen TO lapwing_hunter;
GRANT SELECT ON lapwing.endpoints_seen TO lapwing_hunter;

-- A hunter sees one tenant. Change the name, or make a role for each.
CREATE ROW POLICY IF NOT EXISTS lapwing_tenant ON lapwing.events, lapwing.events_hourly, lapwing.alerts, lapwing.identities, lapwing.credentials_seen, lapwing.endpoints_seen
    FOR SELECT USING tenant = 'default' TO lapwing_hunter;

-- Everybody else keeps seeing everything, whatever the server's default is.
CREATE ROW POLICY IF NOT EXISTS lapwing_all ON lapwing.events, lapwing.events_hourly, lapwing.alerts, lapwing.identities, lapwing.credentials_seen, lapwing.endpoints_seen
    FOR SELECT USING 1 TO ALL EXCEPT lapwing_hunter;
