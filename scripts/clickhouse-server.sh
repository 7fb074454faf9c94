#!/usr/bin/env bash
# Debian's clickhouse-server, a real server for tests of the native protocol. It
# is unpacked into the cache, without root and without being installed.
#
#   clickhouse-server.sh fetch                            print where it is, fetching it when needed
#   clickhouse-server.sh run DIR TCP_PORT HTTP_PORT [PW]  run it in DIR on 127.0.0.1, in the foreground
#
#   LAPWING_CACHE  where to keep it (default: $XDG_CACHE_HOME/lapwing or ~/.cache/lapwing)
set -euo pipefail

fail() {
	echo "clickhouse-server: $1" >&2
	exit 1
}

cache=${LAPWING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lapwing}/clickhouse-server
root=$cache/root

fetch() {
	[ -x "$root/usr/sbin/clickhouse-server" ] && return
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "needs apt-get and dpkg-deb: it is a package of Debian and Ubuntu."
	local candidate
	candidate=$(apt-cache policy clickhouse-server 2>/dev/null | sed -n 's/^ *Candidate: //p')
	if [ -z "$candidate" ] || [ "$candidate" = "(none)" ]; then
		fail "apt knows no package clickhouse-server: run apt-get update (as root), or use Debian 12."
	fi
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/.fetch-XXXXXX")
	trap 'rm -rf "$work"' EXIT
	# What an installation would bring along and this machine lacks.
	local packages
	packages=$(apt-get install --print-uris -qq --no-install-recommends clickhouse-server clickhouse-common 2>"$work/apt.err" | awk '{print $2}' | cut -d_ -f1 | sort -u)
	[ -n "$packages" ] || packages="clickhouse-server clickhouse-common"
	echo "clickhouse-server: fetching $candidate with $(wc -w <<<"$packages") packages" >&2
	# shellcheck disable=SC2086 # a list of names
	(cd "$work" && apt-get download -qq $packages >apt.out 2>apt.err) || {
		tail -n 3 "$work/apt.err" >&2
		fail "apt-get download failed: run apt-get update (as root) and try again."
	}
	local deb
	for deb in "$work"/*.deb; do
		dpkg-deb -x "$deb" "$work/root"
	done
	[ -x "$work/root/usr/sbin/clickhouse-server" ] || fail "the package holds no clickhouse-server."
	# A concurrent fetch may have been faster; then its copy stays.
	mv -T "$work/root" "$root" 2>/dev/null || [ -x "$root/usr/sbin/clickhouse-server" ] || fail "could not move it to $root."
	rm -rf "$work"
}

case "${1:-}" in
fetch)
	fetch
	echo "$root"
	;;
run)
	[ $# -ge 4 ] || fail "usage: clickhouse-server.sh run DIR TCP_PORT HTTP_PORT [PASSWORD]"
	dir=$2 tcp=$3 http=$4 password=${5:-}
	fetch
	mkdir -p "$dir/data" "$dir/tmp" "$dir/log" "$dir/formats"
	cat >"$dir/config.xml" <<XML
<yandex>
	<logger><level>warning</level><log>$dir/log/server.log</log><errorlog>$dir/log/error.log</errorlog><size>10M</size><count>1</count></logger>
	<listen_host>127.0.0.1</listen_host>
	<tcp_port>$tcp</tcp_port>
	<http_port>$http</http_port>
	<path>$dir/data/</path>
	<tmp_path>$dir/tmp/</tmp_path>
	<format_schema_path>$dir/formats/</format_schema_path>
	<users_config>$dir/users.xml</users_config>
	<default_profile>default</default_profile>
	<default_database>default</default_database>
	<mark_cache_size>67108864</mark_cache_size>
	<timezone>UTC</timezone>
</yandex>
XML
	cat >"$dir/users.xml" <<XML
<yandex>
	<profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
	<quotas><default></default></quotas>
	<users>
		<default>
			<password>$password</password>
			<networks><ip>127.0.0.1</ip></networks>
			<profile>default</profile>
			<quota>default</quota>
		</default>
	</users>
</yandex>
XML
	libs=
	for d in "$root"/usr/lib/*-linux-gnu "$root"/lib/*-linux-gnu; do
		[ -d "$d" ] && libs=$libs${libs:+:}$d
	done
	export LD_LIBRARY_PATH=$libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	exec "$root/usr/sbin/clickhouse-server" --config-file="$dir/config.xml"
	;;
*)
	fail "usage: clickhouse-server.sh fetch | run DIR TCP_PORT HTTP_PORT [PASSWORD]"
	;;
esac
