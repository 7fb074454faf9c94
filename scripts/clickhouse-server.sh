#!/usr/bin/env bash
# Debian's clickhouse-server, a real server for tests of the native protocol. It
# is unpacked into the cache, without root and without being installed.
#
#   clickhouse-server.sh fetch                            print where it is, fetching it when needed
#   clickhouse-server.sh run DIR TCP_PORT HTTP_PORT [PW]  run it in DIR on 127.0.0.1, in the foreground
#   clickhouse-server.sh run DIR TCP_PORT HTTP_PORT PW CERT KEY TLS_PORT HTTPS_PORT
#                                                         and with TLS on two more ports
#
#   LAPWING_CACHE  where to keep it (default: $XDG_CACHE_HOME/lapwing or ~/.cache/lapwing)
set -euo pipefail

name=clickhouse-server
cache=${LAPWING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lapwing}/$name
root=$cache/root
# shellcheck source=scripts/debian-package.sh
. "$(dirname "${BASH_SOURCE[0]}")/debian-package.sh"

fetch() { unpack clickhouse-server clickhouse-common clickhouse-server; }

case "${1:-}" in
fetch)
	fetch
	echo "$root"
	;;
run)
	[ $# -ge 4 ] || fail "usage: clickhouse-server.sh run DIR TCP_PORT HTTP_PORT [PASSWORD [CERT KEY TLS_PORT HTTPS_PORT]]"
	dir=$2 tcp=$3 http=$4 password=${5:-}
	tls=
	if [ $# -ge 9 ]; then
		tls="<tcp_port_secure>$8</tcp_port_secure><https_port>$9</https_port>
	<openSSL><server><certificateFile>$6</certificateFile><privateKeyFile>$7</privateKeyFile><verificationMode>none</verificationMode><loadDefaultCAFile>false</loadDefaultCAFile></server></openSSL>"
	fi
	fetch
	mkdir -p "$dir/data" "$dir/tmp" "$dir/log" "$dir/formats"
	cat >"$dir/config.xml" <<XML
<yandex>
	<logger><level>warning</level><log>$dir/log/server.log</log><errorlog>$dir/log/error.log</errorlog><size>10M</size><count>1</count></logger>
	<listen_host>127.0.0.1</listen_host>
	<tcp_port>$tcp</tcp_port>
	<http_port>$http</http_port>
	$tls
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
	fail "usage: clickhouse-server.sh fetch | run DIR TCP_PORT HTTP_PORT [PASSWORD [CERT KEY TLS_PORT HTTPS_PORT]]"
	;;
esac
