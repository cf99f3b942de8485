#!/usr/bin/env bash
# Times `memprobe scenario string` as a whole process beside a Go program that only
# prints "hello", built the same way, the two taking turns. A report, not a test.
#
#   scripts/startup-bench.sh [RUNS]   of each program; default 200
set -euo pipefail

usage() { echo "usage: scripts/startup-bench.sh [RUNS, 10 at least]" >&2; exit 2; }

(($# <= 1)) || usage
runs=${1-200}
[[ $runs =~ ^[0-9]{2,6}$ ]] || usage
runs=$((10#$runs)) # 010 is ten
((runs >= 10)) || usage
command -v go >/dev/null || { echo "startup-bench: needs go" >&2; exit 1; }

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
temp=$(mktemp -d)
trap 'rm -rf -- "$temp"' EXIT

cat >"$temp/hello.go" <<'GO'
package main

import "fmt"

func main() { fmt.Println("hello") }
GO
export CGO_ENABLED=0
go build -o "$temp/hello" "$temp/hello.go"
go build -o "$temp/memprobe" ./cmd/memprobe
go build -o "$temp/startup" ./scripts/startup
"$temp/startup" "$runs" "$temp/hello" "$temp/memprobe" scenario string
