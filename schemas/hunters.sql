-- A role for hunters on a ClickHouse server. `lapwing migrate` does not apply it,
-- because it needs the right to manage access; run it once as an administrator:
--
--     clickhouse-client --multiquery < schemas/hunters.sql
--     GRANT lapwing_hunter TO alice; SET DEFAULT ROLE lapwing_hunter TO alice;
--
-- Never hunt with the user that Lapwing writes with. The embedded engine knows no
-- users: there the hunter's token in run.json does the same.

CREATE SETTINGS PROFILE IF NOT EXISTS lapwing_hunter SETTINGS
    readonly = 2,
    allow_ddl = 0,
    max_execution_time = 60,
    max_memory_usage = 4000000000,
    max_rows_to_read = 2000000000,
    max_result_rows = 100000,
    result_overflow_mode = 'break';

CREATE ROLE IF NOT EXISTS lapwing_hunter SETTINGS PROFILE 'lapwing_hunter';

GRANT SELECT ON lapwing.* TO lapwing_hunter;

-- A hunter sees one tenant. Change the name, or make a role for each.
CREATE ROW POLICY IF NOT EXISTS lapwing_tenant ON lapwing.events, lapwing.events_hourly, lapwing.alerts, lapwing.identities, lapwing.credentials_seen, lapwing.endpoints_seen
    FOR SELECT USING tenant = 'default' TO lapwing_hunter;

-- Everybody else keeps seeing everything, whatever the server's default is.
CREATE ROW POLICY IF NOT EXISTS lapwing_all ON lapwing.events, lapwing.events_hourly, lapwing.alerts, lapwing.identities, lapwing.credentials_seen, lapwing.endpoints_seen
    FOR SELECT USING 1 TO ALL EXCEPT lapwing_hunter;
