# shellcheck shell=bash
# Sourced by the scripts that run a program as Debian packages it, unpacked into
# the cache, without root and without being installed.
#
#   unpack BINARY PACKAGE...   fill $root below $cache with the packages, which
#                              bring /usr/sbin/BINARY; the last one gives the version.
#                              BINARY may be a path such as bin/NAME, below /usr;
#                              with $alone set, what they depend on is left out
#
# $name, for messages, $cache and $root are the caller's.

fail() {
	echo "$name: $1" >&2
	exit 1
}

unpack() {
	local binary=$1 wanted=("${@:2}") main=${*: -1} candidate packages deb
	case $binary in */*) ;; *) binary=sbin/$binary ;; esac
	[ -x "$root/usr/$binary" ] && return
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || fail "needs apt-get and dpkg-deb: it is a package of Debian and Ubuntu."
	candidate=$(apt-cache policy "$main" 2>/dev/null | sed -n 's/^ *Candidate: //p')
	if [ -z "$candidate" ] || [ "$candidate" = "(none)" ]; then
		fail "apt knows no package $main: run apt-get update (as root), or use Debian 12."
	fi
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/.fetch-XXXXXX")
	trap 'rm -rf "$work"' EXIT
	# What an installation would bring along and this machine lacks.
	packages=
	[ -n "${alone:-}" ] || packages=$(apt-get install --print-uris -qq --no-install-recommends "${wanted[@]}" 2>"$work/apt.err" | awk '{print $2}' | cut -d_ -f1 | sort -u)
	[ -n "$packages" ] || packages="${wanted[*]}"
	echo "$name: fetching $candidate with $(wc -w <<<"$packages") packages" >&2
	# shellcheck disable=SC2086 # a list of names
	(cd "$work" && apt-get download -qq $packages >apt.out 2>apt.err) || {
		tail -n 3 "$work/apt.err" >&2
		fail "apt-get download failed: run apt-get update (as root) and try again."
	}
	for deb in "$work"/*.deb; do
		dpkg-deb -x "$deb" "$work/root"
	done
	[ -x "$work/root/usr/$binary" ] || fail "the package holds no $binary."
	# A concurrent fetch may have been faster; then its copy stays.
	mv -T "$work/root" "$root" 2>/dev/null || [ -x "$root/usr/$binary" ] || fail "could not move it to $root."
	rm -rf "$work"
}
