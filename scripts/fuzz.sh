#!/usr/bin/env bash
# Runs every fuzz target for a time each: scripts/fuzz.sh [30s]
set -euo pipefail
cd "$(dirname "$0")/.."
time="${1:-30s}"
found=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# Go's fuzzer now and then takes its own time limit for a failure, without an
# input that fails: that is none.
fuzz() {
  if go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "$1" 2>&1 | tee "$out"; then
    return
  fi
  if grep -q '^ *context deadline exceeded$' "$out" && ! grep -qE 'Failing input written|panic:|_test\.go:[0-9]+:' "$out"; then
    echo "fuzz: the time ended in the middle of an input; nothing failed"
    return
  fi
  return 1
}

while read -r pkg; do
  for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
    found=1
    echo "fuzz $pkg $target for $time"
    fuzz "$pkg" "$target"
  done
done < <(go list ./...)
if [ "$found" = 0 ]; then
  echo "no fuzz target found" >&2
  exit 1
fi
