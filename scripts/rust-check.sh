#!/usr/bin/env bash
# Compares the scenarios with real Rust: compiles each one's listing with rustc, runs it,
# and compares sizes, alignments, offsets of fields, values, capacities, requests of memory
# and the order of drops with what memprobe shows. scripts/rustcheck does the work; a line
# for each check.
#
#   scripts/rust-check.sh [MEMPROBE]   the binary to check; default: built from this checkout
#
# Needs go. Without rustc, in PATH or in ~/.cargo/bin, it says so and compares nothing.
# Exit: 0 all equal, or no rustc; 1 something differs, 2 used wrongly.
set -euo pipefail

usage() { echo "usage: scripts/rust-check.sh [MEMPROBE]" >&2; exit 2; }
die() { echo "rust-check: $*" >&2; exit 1; }

(($# <= 1)) || usage
memprobe=
if (($# == 1)); then
	[[ $1 != -* && -n $1 ]] || usage
	[[ -f $1 && -x $1 ]] || { echo "rust-check: $1 is not a program" >&2; exit 2; }
	memprobe=$(realpath -- "$1")
fi
command -v go >/dev/null || die "needs go"

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
temp=$(mktemp -d)
trap 'rm -rf -- "$temp"' EXIT

export CGO_ENABLED=0
if [[ -z $memprobe ]]; then
	memprobe=$temp/memprobe
	go build -o "$memprobe" ./cmd/memprobe
fi
go build -o "$temp/rustcheck" ./scripts/rustcheck
"$temp/rustcheck" "$memprobe"
