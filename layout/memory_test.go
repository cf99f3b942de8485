package layout

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// pageRuns are the runs of pages of all of pid's mappings that hold something, but for
// the bit that says that somebody wrote there.
func pageRuns(t *testing.T, pid int) map[addr.Range]PageState {
	t.Helper()
	pages, err := OpenPagemap(pid)
	if err != nil {
		t.Skip(err)
	}
	defer pages.Close()
	list, err := Read(pid)
	if err != nil {
		t.Fatal(err)
	}
	found := map[addr.Range]PageState{}
	for _, m := range list {
		if m.Name == "[vsyscall]" {
			continue
		}
		runs, err := pages.Runs(m.Range)
		if err != nil {
			t.Skip(err)
		}
		for _, run := range runs {
			if run.State != 0 {
				found[run.Range] = run.State &^ PageSoftDirty
			}
		}
	}
	return found
}

// Whoever looks at a process leaves it as it was, the pages too that it never touched.
// What looking changes it changes each time; the kernel itself may move pages meanwhile.
func TestLookingChangesNothing(t *testing.T) {
	for name, build := range map[string]func(*testing.T) string{
		"C":  func(t *testing.T) string { return ccTool(t, "testdata/stacks.c") },
		"Go": func(t *testing.T) string { return goTool(t, "testdata/idle", []string{"CGO_ENABLED=0"}) },
	} {
		t.Run(name, func(t *testing.T) {
			exe := build(t)
			var changes []string
			for range 3 {
				if changes = changedByLooking(t, exe); len(changes) == 0 {
					return
				}
			}
			t.Error(strings.Join(changes, "\n"))
		})
	}
}

// changedByLooking runs exe, stops it so that nothing of its own changes, and gives the
// changes to its pages while it is looked at.
func changedByLooking(t *testing.T, exe string) (changes []string) {
	t.Helper()
	c := start(t, exe)
	if err := unix.Kill(c.pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Kill(c.pid, unix.SIGCONT) }) // else it would not end
	until(t, "all its threads are stopped", func() bool {
		threads, _ := filepath.Glob(process{c.pid}.file("task/*/stat"))
		return !slices.ContainsFunc(threads, func(file string) bool {
			stat, _ := readProc(file)
			fields := statFields(string(stat))
			return len(fields) == 0 || fields[0] != "T"
		})
	})
	before := pageRuns(t, c.pid)
	s, err := Describe(c.pid, Options{Resident: true})
	if err != nil {
		t.Fatal(err)
	}
	x := s.Symbols()
	defer x.Close()
	for _, p := range s.Parts {
		x.At(p.Lo)
		_, _ = s.ReadMemory(p.Lo, min(p.Size(), 64<<10)) // not all can be read
	}
	after := pageRuns(t, c.pid)
	for r, state := range after {
		if before[r] != state {
			changes = append(changes, fmt.Sprintf("%v: %v, before %v", r, state.Names(), before[r].Names()))
		}
	}
	if len(after) != len(before) {
		changes = append(changes, fmt.Sprintf("%d runs of pages, before %d", len(after), len(before)))
	}
	return changes
}

// What was never touched reads as zeros, what was as it is, across the edge as well.
func TestMemoryReadsWhatIsThere(t *testing.T) {
	c := start(t, ccTool(t, "testdata/shapes.c"))
	mem, err := process{c.pid}.openMemory()
	if err != nil {
		t.Skip(err)
	}
	defer mem.Close()
	page := addr.Bytes(os.Getpagesize())
	at := c.values["pages"].Offset(2*page - 8) // of which the pages 2 and 3 are written
	got := make([]byte, 3*page)
	for i := range got {
		got[i] = 7
	}
	if n, err := mem.ReadAt(got, int64(at)); n != len(got) || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	want := make([]byte, len(got))
	want[8], want[8+page] = 1, 1
	if !slices.Equal(got, want) {
		t.Error("other bytes than the process has there")
	}
	if mem.holds(addr.Span(at, 16)) || !mem.holds(addr.Span(at+8, 2*page)) {
		t.Error("holds other pages than those that are written")
	}
}
