#!/usr/bin/env bash
# Runs every fuzz target for a time each: scripts/fuzz.sh [30s]
set -euo pipefail
cd "$(dirname "$0")/.."
time="${1:-30s}"
found=0
while read -r pkg; do
  for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
    found=1
    echo "fuzz $pkg $target for $time"
    go test -run '^$' -fuzz "^${target}\$" -fuzztime "$time" "$pkg"
  done
done < <(go list ./...)
if [ "$found" = 0 ]; then
  echo "no fuzz target found" >&2
  exit 1
fi
