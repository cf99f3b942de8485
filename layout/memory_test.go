package layout

import (
	"maps"
	"os"
	"slices"
	"testing"
	"time"

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
func TestLookingChangesNothing(t *testing.T) {
	for name, build := range map[string]func(*testing.T) string{
		"C":  func(t *testing.T) string { return ccTool(t, "testdata/stacks.c") },
		"Go": func(t *testing.T) string { return goTool(t, "testdata/idle", []string{"CGO_ENABLED=0"}) },
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, build(t))
			before := pageRuns(t, c.pid)
			for range 50 { // until it is idle
				time.Sleep(100 * time.Millisecond)
				now := pageRuns(t, c.pid)
				if maps.Equal(now, before) {
					break
				}
				before = now
			}
			s, err := Describe(c.pid, Options{Resident: true})
			if err != nil {
				t.Fatal(err)
			}
			x := s.Symbols()
			defer x.Close()
			for _, p := range s.Parts {
				x.At(p.Lo)
			}
			after := pageRuns(t, c.pid)
			for r, state := range after {
				if before[r] != state {
					t.Errorf("%v: %v, before %v", r, state.Names(), before[r].Names())
				}
			}
			if len(after) != len(before) {
				t.Errorf("%d runs of pages, before %d", len(after), len(before))
			}
		})
	}
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
