package mmapheap

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// residentIn is how much of the mappings in r has memory behind it, in pages
// or in swap, as the kernel counts. No mapping may reach out of r.
func residentIn(tb testing.TB, r addr.Range) addr.Bytes {
	tb.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var sum addr.Bytes
	inside := false
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var m addr.Range
		var perms string
		if n, _ := fmt.Sscanf(sc.Text(), "%x-%x %s", &m.Lo, &m.Hi, &perms); n == 3 {
			if inside = m.Overlaps(r); inside && !r.Covers(m) && perms != "---p" {
				tb.Fatalf("%s: reaches out of %v", sc.Text(), r)
			}
			continue
		}
		var kib addr.Bytes
		switch field, value, _ := strings.Cut(sc.Text(), ":"); {
		case !inside || field != "Rss" && field != "Swap":
		default:
			if _, err := fmt.Sscan(value, &kib); err != nil {
				tb.Fatalf("smaps line %q: %v", sc.Text(), err)
			}
			sum += kib << 10
		}
	}
	return sum
}

// residentBooks is residentIn for what the heap and the stack know of themselves.
func residentBooks(tb testing.TB, r *Region) addr.Bytes {
	tb.Helper()
	var sum addr.Bytes
	for _, p := range r.Parts() {
		if p.Kind == Bookkeeping {
			sum += residentIn(tb, p.Range)
		}
	}
	return sum
}

// residentHeap is residentIn for the heap's committed memory.
func residentHeap(tb testing.TB, r *Region) addr.Bytes {
	tb.Helper()
	return residentIn(tb, addr.Span(r.Heap().Range().Lo, r.Heap().Committed()))
}

// status is a figure of this process that the kernel shows in kB, such as VmRSS.
func status(tb testing.TB, name string) addr.Bytes {
	tb.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib addr.Bytes
		if n, _ := fmt.Sscanf(line, name+": %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	tb.Fatalf("/proc/self/status has no %s", name)
	return 0
}

// withLimit lowers a limit of this process while it calls f. The garbage
// collector may want memory at any time, so f is to be short.
func withLimit(tb testing.TB, resource int, soft uint64, f func()) {
	tb.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(resource, &old); err != nil {
		tb.Fatal(err)
	}
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: soft, Max: old.Max}); err != nil {
		tb.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(resource, &old); err != nil {
			tb.Fatal(err)
		}
	}()
	f()
}

// needsRoom skips a test that reserves n bytes and commits most of them, where
// this machine forbids that.
func needsRoom(tb testing.TB, n addr.Bytes) {
	tb.Helper()
	if emulated(tb) {
		tb.Skip("the emulator keeps notes for every page that is reserved, and its memory figures are its own")
	}
	for name, resource := range map[string]int{"ulimit -v": unix.RLIMIT_AS, "ulimit -d": unix.RLIMIT_DATA} {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err != nil {
			tb.Fatal(err)
		}
		if size, _ := statm(tb); limit.Cur != unix.RLIM_INFINITY && addr.Bytes(limit.Cur) < size+n {
			tb.Skipf("%s allows %d bytes: the test needs %d more than the %d that there are", name, limit.Cur, n, size)
		}
	}
	mode, err := os.ReadFile("/proc/sys/vm/overcommit_memory")
	if err == nil && strings.TrimSpace(string(mode)) == "2" {
		tb.Skip("this machine never overcommits memory (vm.overcommit_memory=2): it asks for memory behind all that is committed")
	}
}
