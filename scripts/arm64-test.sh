#!/usr/bin/env bash
# Runs the Go tests for arm64, on an arm64 machine as they are, elsewhere under
# qemu-user.
#
#   scripts/arm64-test.sh [GO TEST ARGUMENTS]   default: ./...
#
# Tests that start their own binary need a kernel that hands arm64 programs to qemu.
# Where it doesn't, it is told to:
#   1. in a namespace of our own (Linux 6.7 and later, any user): nothing outside sees it;
#   2. else, as root, for the whole machine, and only until the tests are done.
# Where neither works the script fails and says why: half of the tests would prove little.
#
# MEMPROBE_HEAP_OPS   operations of the heap's differential test; here 100000, qemu is slow
set -euo pipefail

die() { echo "arm64-test: $*" >&2; exit 1; }

self=$(realpath -- "${BASH_SOURCE[0]}")
cd -- "$(dirname -- "$self")/.."
command -v go >/dev/null || die "needs go"

export CGO_ENABLED=0 GOARCH=arm64 MEMPROBE_HEAP_OPS="${MEMPROBE_HEAP_OPS:-100000}"

# runs_arm64 tells whether the kernel starts arm64 programs.
runs_arm64() { [[ $("$ARM64_HELLO" 2>&1) == "hello from arm64" ]]; }

go_test() { go test -timeout 15m "${@:-./...}"; }

# Inside the namespaces that the outer call made: register qemu, test, unregister.
if [[ ${1-} == --inside ]]; then
	shift
	table=/proc/sys/fs/binfmt_misc
	entry=$table/memprobe-arm64-$$
	mount -t binfmt_misc none "$table"
	trap 'if [[ -e $entry ]]; then echo -1 >"$entry"; fi' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	# The first 20 bytes of a little-endian ELF program or library for machine 0xb7. Flag F
	# opens qemu now, so that it is found whatever root directory a program has.
	magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
	mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
	printf '%s' ":${entry##*/}:M::$magic:$mask:$ARM64_QEMU:F" >"$table/register"
	runs_arm64 || die "qemu is registered, yet the kernel starts no arm64 program"
	if [[ ${1-} == --try ]]; then exit 0; fi
	go_test "$@"
	exit
fi

temp=$(mktemp -d)
trap 'rm -rf -- "$temp"' EXIT
cat >"$temp/hello.go" <<'GO'
package main

import "runtime"

func main() { print("hello from ", runtime.GOARCH, "\n") }
GO
go build -o "$temp/hello" "$temp/hello.go"
export ARM64_HELLO=$temp/hello

if runs_arm64; then
	echo "arm64-test: this machine starts arm64 programs by itself"
	go_test "$@"
	exit
fi

ARM64_QEMU=$(command -v qemu-aarch64-static) || die "needs qemu-aarch64-static (Debian: apt-get install qemu-user-static)"
export ARM64_QEMU
command -v unshare >/dev/null || die "needs unshare (Debian: apt-get install util-linux)"

if unshare -Urm "$self" --inside --try 2>"$temp/why"; then
	echo "arm64-test: $ARM64_QEMU, registered in a namespace of our own"
	unshare -Urm "$self" --inside "$@"
elif ((EUID == 0)) && unshare -m "$self" --inside --try 2>>"$temp/why"; then
	echo "arm64-test: $ARM64_QEMU, registered on this machine until the tests are done"
	unshare -m "$self" --inside "$@"
else
	cat "$temp/why" >&2
	die "the kernel can't be told to start arm64 programs with qemu: that needs Linux 6.7 (this is $(uname -r)) with user namespaces, or root"
fi
