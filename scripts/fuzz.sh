#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other.
#
#   scripts/fuzz.sh [TIME [TARGETS]]   how long each runs, as go test's -fuzztime has it,
#                                      default 60s; which, as a regular expression
#
# FUZZPARALLEL   how many workers; default 2
# A finding is kept by go below the package's testdata/fuzz, to be committed as a seed.
# Each new input is shortened for a second at most: go's own minute would be most of the time.
set -euo pipefail

usage() { echo "usage: scripts/fuzz.sh [TIME, such as 60s or 100000x [TARGETS]]" >&2; exit 2; }
die() { echo "fuzz: $*" >&2; exit 1; }

(($# <= 2)) || usage
time=${1-60s} targets=${2-^Fuzz}
[[ $time =~ ^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$ || $time =~ ^[0-9]+x$ ]] || usage
command -v go >/dev/null || die "needs go"
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
export CGO_ENABLED=0

log=$(mktemp)
trap 'rm -f -- "$log"' EXIT

# fuzz PACKAGE NAME runs one target. A go before 1.27 may take the end of its own time for a
# failure (go.dev/issue/75804), which has no failing input, and nothing else to tell.
fuzz() {
	go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 1s -parallel "${FUZZPARALLEL:-2}" "$1" 2>&1 | tee "$log" && return
	! grep -q 'Failing input' "$log" && grep -A1 "^--- FAIL: $2 (" "$log" | tail -n 1 | grep -qx ' *context deadline exceeded' || return 1
	echo "fuzz: $2: its time was over, and nothing was found"
}

# go test -list prints the names of a package's targets, then "ok PACKAGE SECONDS".
list=$(go test -list "$targets" ./...) || die "the tests do not build:"$'\n'"$list"
names=() found=0
while read -r first package _; do
	case $first in
	Fuzz*) names+=("$first") ;;
	ok)
		for name in "${names[@]}"; do
			echo "fuzz: $package $name for $time"
			fuzz "$package" "$name"
			found=$((found + 1))
		done
		names=()
		;;
	esac
done <<<"$list"
((found > 0)) || die "no fuzz target found"
echo "fuzz: $found targets, nothing found"
