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

fail() {
	echo "syslog-ng: $1" >&2
	exit 1
}

cache=${LAPWING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lapwing}/syslog-ng
root=$cache/root

fetch() {
	[ -x "$root/usr/sbin/syslog-ng" ] && return
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "needs apt-get and dpkg-deb: it is a package of Debian and Ubuntu."
	local candidate
	candidate=$(apt-cache policy syslog-ng-mod-http 2>/dev/null | sed -n 's/^ *Candidate: //p')
	if [ -z "$candidate" ] || [ "$candidate" = "(none)" ]; then
		fail "apt knows no package syslog-ng-mod-http: run apt-get update (as root), or use Debian 12."
	fi
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/.fetch-XXXXXX")
	trap 'rm -rf "$work"' EXIT
	# What an installation would bring along and this machine lacks.
	local packages
	packages=$(apt-get install --print-uris -qq --no-install-recommends syslog-ng-core syslog-ng-mod-http 2>"$work/apt.err" | awk '{print $2}' | cut -d_ -f1 | sort -u)
	[ -n "$packages" ] || packages="syslog-ng-core syslog-ng-mod-http"
	echo "syslog-ng: fetching $candidate with $(wc -w <<<"$packages") packages" >&2
	# shellcheck disable=SC2086 # a list of names
	(cd "$work" && apt-get download -qq $packages >apt.out 2>apt.err) || {
		tail -n 3 "$work/apt.err" >&2
		fail "apt-get download failed: run apt-get update (as root) and try again."
	}
	local deb
	for deb in "$work"/*.deb; do
		dpkg-deb -x "$deb" "$work/root"
	done
	[ -x "$work/root/usr/sbin/syslog-ng" ] || fail "the package holds no syslog-ng."
	# A concurrent fetch may have been faster; then its copy stays.
	mv -T "$work/root" "$root" 2>/dev/null || [ -x "$root/usr/sbin/syslog-ng" ] || fail "could not move it to $root."
	rm -rf "$work"
}

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
