#!/usr/bin/env bash
# Debian's syslog-ng with its http module, a real sender for tests of the Splunk
# receiver. It is unpacked into the cache, without root and without being
# installed: 1 MB to fetch.
#
#   syslog-ng.sh fetch            print where it is, fetching it when needed
#   syslog-ng.sh run DIR CONFIG   run it in the foreground, its state in DIR
#
#   LAPWING_CACHE  where to keep it (default: $XDG_CACHE_HOME/lapwing or ~/.cache/lapwing)
set -euo pipefail

name=syslog-ng
cache=${LAPWING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lapwing}/$name
root=$cache/root
# shellcheck source=scripts/debian-package.sh
. "$(dirname "${BASH_SOURCE[0]}")/debian-package.sh"

fetch() { unpack syslog-ng syslog-ng-core syslog-ng-mod-http; }

case "${1:-}" in
fetch)
	fetch
	echo "$root"
	;;
run)
	[ $# -eq 3 ] || fail "usage: syslog-ng.sh run DIR CONFIG"
	dir=$2 config=$3
	fetch
	libs=$root/usr/lib/syslog-ng
	for d in "$root"/usr/lib/*-linux-gnu "$root"/lib/*-linux-gnu; do
		[ -d "$d" ] && libs=$libs:$d
	done
	modules=$(echo "$root"/usr/lib/syslog-ng/3.*)
	[ -d "$modules" ] || modules=$(dirname "$(find "$root/usr/lib" -name libhttp.so | head -n 1)")
	export LD_LIBRARY_PATH=$libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
	exec "$root/usr/sbin/syslog-ng" --foreground --stderr --no-caps --cfgfile="$config" --module-path="$modules" \
		--persist-file="$dir/state" --pidfile="$dir/pid" --control="$dir/ctl"
	;;
*)
	fail "usage: syslog-ng.sh fetch | run DIR CONFIG"
	;;
esac
