#!/usr/bin/env bash
# Holds a real ClickHouse server against deploy/clickhouse/users.sql and
# schemas/hunters.sql: applies the migrations as lapwing_migrate, then tries what each
# user must be able to do, and what it must not. It makes and drops a database of its
# own and three users, whose names begin with lapwing_try.
#
#   scripts/clickhouse-grants.sh URL ADMIN [PASSWORD-FILE]
#
#   URL is the HTTP interface, such as http://127.0.0.1:8123 or https://…:8443;
#   CURL_CA_BUNDLE names the authorities for https. Exit 1: something is otherwise.
#
# No package registry has a current server, so this is not part of `make test`: the
# embedded engine has no users, and Debian's server is too old for grants.
set -uo pipefail
cd "$(dirname "$0")/.."

[ $# -ge 2 ] || { sed -n '2,13p' "$0" | cut -c3- >&2; exit 2; }
url=$1 admin=$2 password=
[ -z "${3:-}" ] || password=$(<"$3")
db=lapwing_try
failed=0

# ask USER PASSWORD SQL: the answer, or ClickHouse's first line of error.
ask() {
	local out
	out=$(curl -sS --max-time 60 -H @- --data-binary "$3" "$url/?database=$4" <<-HEADERS
		X-ClickHouse-User: $1
		X-ClickHouse-Key: $2
	HEADERS
	) || { echo "cannot reach $url" >&2; exit 1; }
	printf '%s\n' "$out"
}
administer() { ask "$admin" "$password" "$1" default; }

may() { # USER WHAT SQL
	local out
	out=$(ask "$1" try-"$1" "$3" "$db")
	if [[ $out == *"DB::Exception"* ]]; then
		printf 'FAIL  %-20s may not %s: %s\n' "$1" "$2" "$(head -n 1 <<<"$out" | cut -c1-160)"
		failed=1
	else
		printf 'ok    %-20s may %s\n' "$1" "$2"
	fi
}

may_not() { # USER WHAT SQL
	local out
	out=$(ask "$1" try-"$1" "$3" "$db")
	if [[ $out == *"Code: 497"* || $out == *"ACCESS_DENIED"* || $out == *"Code: 164"* || $out == *"READONLY"* || $out == *"Code: 452"* || $out == *"SETTING_CONSTRAINT_VIOLATION"* ]]; then
		printf 'ok    %-20s may not %s\n' "$1" "$2"
	else
		printf 'FAIL  %-20s may %s: %s\n' "$1" "$2" "$(head -n 1 <<<"$out" | cut -c1-160)"
		failed=1
	fi
}

# statements FILE: one a line, comments taken out, renamed to the database and users
# of this try.
statements() {
	sed -e 's/--.*$//' "$1" | tr '\n' ' ' | tr ';' '\n' |
		sed -e "s/\blapwing_hunter_one\b/lapwing_try_person/g; s/\blapwing_hunter\b/lapwing_try_hunter/g; s/\blapwing_tenant\b/lapwing_try_tenant/g; s/\blapwing_all\b/lapwing_try_all/g" \
			-e "s/\blapwing_migrate\b/lapwing_try_migrate/g; s/\blapwing_writer\b/lapwing_try_writer/g; s/\blapwing\./$db./g; s/EXISTS lapwing *$/EXISTS $db/" \
			-e "s/CHANGE-ME-migrate/try-lapwing_try_migrate/; s/CHANGE-ME-writer/try-lapwing_try_writer/; s/CHANGE-ME-hunter/try-lapwing_try_person/" |
		grep -v '^ *$'
}

run_all() { # as admin
	while IFS= read -r sql; do
		out=$(administer "$sql")
		if [[ $out == *"DB::Exception"* ]]; then
			echo "FAIL  $admin: ${sql:0:80}…: $(head -n 1 <<<"$out" | cut -c1-200)"
			failed=1
		fi
	done < <(statements "$1")
}

clean() {
	administer "DROP ROW POLICY IF EXISTS lapwing_try_tenant, lapwing_try_all ON $db.events, $db.events_hourly, $db.alerts, $db.identities, $db.credentials_seen, $db.endpoints_seen" >/dev/null
	administer "DROP USER IF EXISTS lapwing_try_migrate, lapwing_try_writer, lapwing_try_person" >/dev/null
	administer "DROP ROLE IF EXISTS lapwing_try_hunter" >/dev/null
	administer "DROP SETTINGS PROFILE IF EXISTS lapwing_try_hunter" >/dev/null
	administer "DROP DATABASE IF EXISTS $db" >/dev/null
}

version=$(administer "SELECT version()")
[[ -n $version && $version != *Exception* ]] || { echo "$url: no version: ${version%%$'\n'*}" >&2; exit 1; }
echo "ClickHouse $version"
clean
trap clean EXIT
run_all deploy/clickhouse/users.sql

# The tables, with the DDL that this version of Lapwing ships, as its own user.
may lapwing_try_migrate "create the table migrations" "CREATE TABLE IF NOT EXISTS migrations (version UInt32, name String, sha256 String, applied_at DateTime('UTC') DEFAULT now()) ENGINE = ReplacingMergeTree ORDER BY version"
for file in schemas/migrations/*.sql; do
	while IFS= read -r -d ';' sql; do
		[[ $sql =~ [A-Za-z] ]] || continue
		may lapwing_try_migrate "apply $(basename "$file"): $(tr -s ' \n' ' ' <<<"$sql" | cut -c1-50)" "$sql"
	done < <(sed -e 's/^ *--.*$//' "$file"; echo ';')
done
run_all schemas/hunters.sql
administer "GRANT lapwing_try_hunter TO lapwing_try_person" >/dev/null
administer "SET DEFAULT ROLE lapwing_try_hunter TO lapwing_try_person" >/dev/null

w=lapwing_try_writer
may $w "insert events" "INSERT INTO events (tenant, id, identity_id, ts) VALUES ('default', 'e1', 'aws:1:role/a', now64()), ('other', 'e2', 'aws:1:role/b', now64())"
may $w "read the migrations" "SELECT count() FROM migrations"
may $w "see the columns it fills" "SELECT throwIf(count() = 0) FROM system.columns WHERE database = currentDatabase() AND table = 'alerts'"
may_not $w "read events" "SELECT count() FROM events"
may_not $w "read alerts" "SELECT count() FROM alerts"
may_not $w "change a table" "ALTER TABLE events DROP COLUMN raw"
may_not $w "drop a table" "DROP TABLE alerts"
may_not $w "delete rows" "ALTER TABLE alerts DELETE WHERE 1"
may_not $w "make a user" "CREATE USER lapwing_try_other"
may_not $w "read files of the server" "SELECT * FROM file('x.csv', 'CSV', 'a String')"
may_not $w "call out" "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')"
h=lapwing_try_person
may $h "read events" "SELECT count() FROM events"
for table in events_hourly alerts alerts_current identities identities_current credentials_seen endpoints_seen; do
	may $h "read $table" "SELECT count() FROM $table"
done
for view in events_hourly_mv credentials_seen_mv endpoints_seen_mv; do
	may_not $h "read $view, where no policy holds" "SELECT count() FROM $view"
done
may_not $h "read the migrations" "SELECT count() FROM migrations"
may $h "set a lower limit" "SELECT 1 SETTINGS max_execution_time = 15, max_result_rows = 10001"
for limit in max_memory_usage max_execution_time max_rows_to_read max_result_rows; do
	may_not $h "lift $limit" "SELECT 1 SETTINGS $limit = 0"
	may_not $h "raise $limit" "SELECT 1 SETTINGS $limit = 9000000000000"
done
may_not $h "insert" "INSERT INTO events (tenant, id) VALUES ('default', 'x')"
may_not $h "drop a table" "DROP TABLE events"
may_not $h "lift its limits" "SET readonly = 0"
for table in events events_hourly; do
	rows=$(ask $h try-$h "SELECT count() FROM $table WHERE tenant != 'default'" "$db")
	if [ "$rows" = 0 ]; then echo "ok    $h sees its tenant only in $table"; else echo "FAIL  $h sees other tenants in $table: $rows"; failed=1; fi
done
exit $failed
