#!/usr/bin/env bash
# Fetches once, into the cache, what the tests run against: the embedded engine,
# Apache Kafka, Debian's clickhouse-server, syslog-ng and promtool. With CI=true a missing one fails;
# else it is said, and the tests that need it skip.
set -uo pipefail
cd "$(dirname "$0")"

failed=0
fetch() {
	local what=$1
	shift
	local out
	if out=$("$@" 2>&1); then
		return
	fi
	printf '%s cannot be had:\n%s\n' "$what" "$out" >&2
	failed=1
}

fetch "the embedded ClickHouse engine" ./chdb.sh
fetch "Apache Kafka" ./kafka/start.sh fetch
fetch "Debian's clickhouse-server" ./clickhouse-server.sh fetch
fetch "Debian's syslog-ng" ./syslog-ng.sh fetch
fetch "Debian's promtool" ./promtool.sh fetch

if [ "$failed" = 1 ] && [ "${CI:-}" = true ]; then
	exit 1
fi
