#!/usr/bin/env bash
# Compares memprobe's heap and stack with the system's malloc, with jemalloc, mimalloc
# and tcmalloc where they are installed, with modernc.org/memory, with Go's make and with
# a plain first-fit list, in one run whose contenders take turns. A report, not a test.
#
#   scripts/alloc-bench.sh [--quick] [--rounds N] [--only SECTION,...] [--trace NAME]
#                          [--traces DIR] [--json FILE]
#
#   --quick    5 rounds, and less time for the plain list
#   --rounds   how many; default 21, which take two minutes
#   --only     of traces, naive, memory, scale and stack; naive adds the plain list to the traces
#   --trace    one of the recorded traces, such as cc1
#   --traces   where they are; default: the project's own
#   --json     writes all figures to FILE as well
#
# Needs go; without a C compiler (cc, or what CC names) the rows of C's allocators are left out.
# Exit: 0 done, 1 something failed, 2 used wrongly.
set -euo pipefail

command -v go >/dev/null || { echo "alloc-bench: needs go" >&2; exit 1; }
root=$(realpath -- "$(dirname -- "${BASH_SOURCE[0]}")/..")
temp=$(mktemp -d)
trap 'rm -rf -- "$temp"' EXIT

CGO_ENABLED=0 go -C "$root" build -o "$temp/allocbench" ./scripts/allocbench
"$temp/allocbench" --traces "$root/probe/replay/testdata/traces" "$@"
