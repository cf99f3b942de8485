package mmapheap

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// newRegion is a region that the test gives back at its end, after a last look at
// its invariants.
func newRegion(tb testing.TB, c Config) *Region {
	tb.Helper()
	r, err := Reserve(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := errors.Join(r.Heap().Check(), r.Stack().Check()); err != nil {
			tb.Errorf("at the end: %v", err)
		}
		if err := r.Release(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

func mustAlloc(tb testing.TB, h *Heap, n addr.Bytes) addr.Addr {
	tb.Helper()
	a, err := h.Alloc(n)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// mapping is one line of the maps file, as far as the tests look at it.
type mapping struct {
	addr.Range
	perms string
}

func readMaps(tb testing.TB) []mapping {
	tb.Helper()
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var maps []mapping
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var m mapping
		if _, err := fmt.Sscanf(sc.Text(), "%x-%x %s", &m.Lo, &m.Hi, &m.perms); err != nil {
			tb.Fatalf("maps line %q: %v", sc.Text(), err)
		}
		maps = append(maps, m)
	}
	return maps
}

// permsOf is the permissions that the kernel shows for every page of r, each
// listed once; empty if nothing is mapped there.
func permsOf(maps []mapping, r addr.Range) string {
	var seen []string
	covered := addr.Bytes(0)
	for _, m := range maps {
		if !m.Overlaps(r) {
			continue
		}
		covered += m.Intersect(r).Size()
		if len(seen) == 0 || seen[len(seen)-1] != m.perms {
			seen = append(seen, m.perms)
		}
	}
	if covered != 0 && covered != r.Size() {
		seen = append(seen, fmt.Sprintf("%d bytes unmapped", r.Size()-covered))
	}
	return strings.Join(seen, " ")
}

// ranOut is what Go's runtime and the race detector say where they get no memory for
// themselves, at which they end the process.
var ranOut = regexp.MustCompile(`(?m)^fatal error: .*memory|^runtime: failed to create new OS thread|ThreadSanitizer: .*out of memory`)

// inItsOwnProcess reports whether this is a process for this test alone. Elsewhere it
// starts one, again where that one was ended for want of memory, and fails as it fails.
func inItsOwnProcess(t *testing.T) bool {
	t.Helper()
	const own = "MEMPROBE_TEST_ALONE"
	if os.Getenv(own) == t.Name() {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), own+"="+t.Name())
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil && strings.Contains(string(out), "--- PASS: "+t.Name()+" ("):
			return false
		case !ranOut.Match(out):
			t.Fatalf("%v\n%s", err, out)
		}
	}
	t.Skip("Go's runtime or the race detector wants memory for itself each time")
	return false
}

// mappedIn is how much of r is mapped.
func mappedIn(maps []mapping, r addr.Range) (n addr.Bytes) {
	for _, m := range maps {
		if m.Overlaps(r) {
			n += m.Intersect(r).Size()
		}
	}
	return n
}

// processorTime is what this process has had of the processors so far: what else they
// do does not count.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &now); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(now.Nano())
}

// statm is the size of this process and what of it is resident, in bytes.
func statm(tb testing.TB) (size, resident addr.Bytes) {
	tb.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		tb.Fatal(err)
	}
	page := addr.Bytes(os.Getpagesize())
	return size * page, resident * page
}
