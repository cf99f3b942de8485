#!/usr/bin/env bash
# Proves from outside, with gdb and /proc/PID/maps, that what memprobe shows is what
# stands in its memory, and that what gdb writes there is what it goes on with.
# scripts/outsidecheck does the work; a line for each scenario and step.
#
#   scripts/outside-check.sh [MEMPROBE]   the binary to check; default: built from this checkout
#
# Needs go, gdb, and the right to attach to a process (root, or kernel.yama.ptrace_scope=0).
# Exit: 0 all as traced, 1 something differs or could not be checked, 2 used wrongly.
set -euo pipefail

usage() { echo "usage: scripts/outside-check.sh [MEMPROBE]" >&2; exit 2; }
die() { echo "outside-check: $*" >&2; exit 1; }

(($# <= 1)) || usage
memprobe=
if (($# == 1)); then
	[[ $1 != -* && -n $1 ]] || usage
	[[ -f $1 && -x $1 ]] || { echo "outside-check: $1 is not a program" >&2; exit 2; }
	memprobe=$(realpath -- "$1")
fi
command -v go >/dev/null || die "needs go"
command -v gdb >/dev/null || die "needs gdb (Debian: apt-get install gdb)"

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
temp=$(mktemp -d)
trap 'rm -rf -- "$temp"' EXIT

export CGO_ENABLED=0
if [[ -z $memprobe ]]; then
	memprobe=$temp/memprobe
	go build -o "$memprobe" ./cmd/memprobe
fi
go build -o "$temp/outsidecheck" ./scripts/outsidecheck
"$temp/outsidecheck" "$memprobe"
