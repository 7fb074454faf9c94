#!/usr/bin/env bash
# Debian's promtool (of its package prometheus), for tests of the alert rules: 18 MB
# to fetch, where building it from source takes minutes. It is unpacked into the
# cache, without root and without being installed.
#
#   promtool.sh fetch     print where it is, fetching it when needed
#   promtool.sh ARG...    run it, such as: promtool.sh test rules FILE
#
#   LAPWING_CACHE  where to keep it (default: $XDG_CACHE_HOME/lapwing or ~/.cache/lapwing)
set -euo pipefail

name=promtool
cache=${LAPWING_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lapwing}/$name
root=$cache/root
alone=yes # a Go binary needs libc only; its web console needs a dozen packages
# shellcheck source=scripts/debian-package.sh
. "$(dirname "${BASH_SOURCE[0]}")/debian-package.sh"

unpack bin/promtool prometheus
if [ "${1:-}" = fetch ]; then
	echo "$root/usr/bin/promtool"
else
	exec "$root/usr/bin/promtool" "$@"
fi
