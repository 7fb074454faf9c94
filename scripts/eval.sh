#!/usr/bin/env bash
# Judges simulated traffic of several seeds and prints one row a seed:
# attacks found, false alerts a day, median time to detect.
#
#   scripts/eval.sh 1 2 3
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p eval
exec bin/lapwing eval --seeds "$(IFS=,; echo "${*:-1 2 3}")" --report eval/report.json
