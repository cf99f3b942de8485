#!/usr/bin/env bash
# Times `memprobe maps` on a process with 65,000 mappings as a whole process, beside
# cat and pmap, which are there or left out, all taking turns. A report, not a test.
#
#   scripts/maps-bench.sh [ROUNDS [MAPPINGS]]   default 11 rounds, 65000 mappings
set -euo pipefail

usage() { echo "usage: scripts/maps-bench.sh [ROUNDS [MAPPINGS]]" >&2; exit 2; }

(($# <= 2)) || usage
rounds=${1-11} mappings=${2-65000}
[[ $rounds =~ ^[1-9][0-9]{0,3}$ && $mappings =~ ^[1-9][0-9]{0,6}$ ]] || usage
command -v go >/dev/null || { echo "maps-bench: needs go" >&2; exit 1; }

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
temp=$(mktemp -d)
trap 'rm -rf -- "$temp"' EXIT
export CGO_ENABLED=0
go build -o "$temp/memprobe" ./cmd/memprobe
go build -ldflags=-s -o "$temp/mapsbench" ./scripts/mapsbench
"$temp/mapsbench" "$rounds" "$mappings" "$temp/memprobe"
