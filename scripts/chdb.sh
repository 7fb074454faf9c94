#!/usr/bin/env bash
# Fetches the embedded ClickHouse engine (libchdb) into the cache and prints its
# path. Does nothing when it is there already. Used by `make chdb`.
#
#   LAPWING_CHDB   your own libchdb.so: nothing is fetched
#   LAPWING_CACHE  where to keep it (default: $XDG_CACHE_HOME/lapwing or ~/.cache/lapwing)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
otherwise="Or set LAPWING_CHDB to a libchdb.so of your own, or give lapwing the address of a ClickHouse server."

fail() {
	echo "chdb: $1" >&2
	echo "chdb: $otherwise" >&2
	exit 1
}

if [ -n "${LAPWING_CHDB:-}" ]; then
	[ -f "$LAPWING_CHDB" ] || fail "LAPWING_CHDB=$LAPWING_CHDB is not a file."
	echo "$LAPWING_CHDB"
	exit 0
fi

case "$(uname -s)/$(uname -m)" in
Linux/x86_64) platform=linux-x64-gnu ;;
Linux/aarch64 | Linux/arm64) platform=linux-arm64-gnu ;;
Darwin/x86_64) platform=darwin-x64 ;;
Darwin/arm64) platform=darwin-arm64 ;;
*) fail "there is no libchdb for $(uname -s)/$(uname -m)." ;;
esac

read -r package version sum < <(grep -E "^@chdb/lib-$platform[[:space:]]" "$here/chdb.sums") || fail "scripts/chdb.sums has no line for $platform."

cache=${LAPWING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lapwing}
dir=$cache/chdb/$version
if [ -f "$dir/libchdb.so" ]; then
	echo "$dir/libchdb.so"
	exit 0
fi

command -v npm >/dev/null || fail "npm is needed to fetch $package@$version: install Node.js (Debian: apt-get install npm)."

# Beside its place, so that the move at the end is one step.
mkdir -p "$cache/chdb"
work=$(mktemp -d "$cache/chdb/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "chdb: fetching $package@$version (about 170 MB)" >&2
if ! (cd "$work" && npm pack --silent "$package@$version" >npm.out 2>npm.err); then
	tail -n 5 "$work/npm.err" >&2
	fail "npm could not fetch $package@$version."
fi
archive=$(find "$work" -maxdepth 1 -name '*.tgz' | head -n 1)
[ -n "$archive" ] || fail "npm fetched no archive."

if [ "$sum" != - ]; then
	if command -v sha256sum >/dev/null; then
		got=$(sha256sum "$archive" | cut -d' ' -f1)
	else
		got=$(shasum -a 256 "$archive" | cut -d' ' -f1)
	fi
	[ "$got" = "$sum" ] || fail "the checksum of $package@$version is $got, scripts/chdb.sums says $sum: not installed."
fi

mkdir "$work/new"
tar -xzf "$archive" -C "$work/new" --strip-components=1 package/libchdb.so || fail "$package@$version holds no libchdb.so."
# A concurrent fetch may have been faster; then its copy, checked like ours, stays.
mv "$work/new" "$dir" 2>/dev/null || [ -f "$dir/libchdb.so" ] || fail "could not move libchdb.so to $dir."
rm -rf "$dir/new" 2>/dev/null || true
echo "$dir/libchdb.so"
