package bugs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// column is the index of a setup.
func column(t *testing.T, name string) int {
	t.Helper()
	i := slices.IndexFunc(Setups, func(s Setup) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no setup %q", name)
	}
	return i
}

func study(t *testing.T) *Result {
	t.Helper()
	r, err := Study(All, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAccessFindsThemAll: each bug under checked access, alone and with the other
// nets that Config.Checked has, 20 runs of 20: found, of the right class, about the
// right block, at the statement, with all that can be told.
func TestAccessFindsThemAll(t *testing.T) {
	for _, s := range []Setup{Setups[column(t, "access")], {Name: "checked", Nets: mmapheap.CheckedNets()}} {
		found, complete := 0, 0
		for _, b := range All {
			for range 20 {
				r, err := once(b, s, false, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if b.Goal.Refused {
					if r.Refused == "" || r.Noticed || len(r.Damage) > 0 {
						t.Errorf("%s, %s: %+v, want it refused and no more", s.Name, b.Name, r)
					}
					continue
				}
				if !r.Noticed || r.Level != b.Goal.Level || r.Moment != b.Goal.Moment {
					t.Fatalf("%s, %s: noticed %v, level %d, %s; want level %d, %s: %+v", s.Name, b.Name, r.Noticed, r.Level, r.Moment, b.Goal.Level, b.Goal.Moment, r.Finding)
				}
				if r.Finding.Class != string(b.Class) {
					t.Errorf("%s, %s: called %q, want %q", s.Name, b.Name, r.Finding.Class, b.Class)
				}
				if want := blockOf(b); r.Blamed != want {
					t.Errorf("%s, %s: block %s, want %s: %s", s.Name, b.Name, r.Blamed, want, r.Finding.Error)
				}
				if len(r.Damage) > 0 {
					t.Errorf("%s, %s: the program saw damage: %q", s.Name, b.Name, r.Damage)
				}
			}
			found++
			if b.Goal.Level == Full {
				complete++
			}
		}
		if found != 32 || complete != 27 {
			t.Errorf("%s: %d found, %d with the full report; want 32 and 27", s.Name, found, complete)
		}
	}
}

// blockOf is what a report of b must name: a block, where the bug is about one.
func blockOf(b *Bug) Blamed {
	if b.Goal.Level == Full {
		return RightBlock
	}
	return NoBlock
}

// raw is what the raw setups make of each bug, as in the table of `memprobe bugs
// all`: the level with @ for at once and ~ for later, + where it was one of the nets
// that noticed; - for nothing; w for the wrong block, ! for damage seen.
const raw = `
                       no net  canary  poison  quarantine  guarded  all raw
double-free            3@      5@      5@      5@+         5@       5@+
double-free-apart      3@      5@      5@      5@+         5@       5@+
double-free-reused     3~!     5~w!    5~w!    5@+         5~w!     5@+
double-free-large      3@      5@      5@      5@          5@       5@
free-interior          3@      5@      5@      5@          5@       5@
free-misaligned        3@      5@      5@      5@          5@       5@
free-stack             3@      5@      5@      5@          5@       5@
free-global            3@      5@      5@      5@          5@       5@
free-foreign           3@      3@      3@      3@          3@       3@
free-unmapped          3@      3@      3@      3@          3@       3@
overflow-padding       -       5~+     -       -           5@+      5@+
overflow-one           -!      5~+     -!      -!          5@+      5@+
overflow-16            -!      5~+     -!      -!          5@+      5@+
overread-one           -!      -       -!      -!          5@+      5@+
underflow-one          -!      5~+     -!      -!          -        5~+
overflow-far           -!      -!      -!      -!          -!       -!
read-after-free        -!      -!      -!      -!          5@+      5@+
write-after-free       -       -       5~+     -           5@+      5@+
write-after-reuse      -!      -!      -!      -           -!       5@+
read-after-churn       -!      -!      -!      -!          -!       5@+w
use-after-realloc      -!      -!      5~+!    -!          5@+      5@+
leak-block             -       -       -       -           -        -
leak-cycle             -       -       -       -           -        -
realloc-freed          3~!     5~w     5~w!    5@+         5~+w     5@+
realloc-foreign        3@      3@      3@      3@          3@       3@
zero-size-use          -       5~+     -       -           5@+      5@+
huge-calloc            ok      ok      ok      ok          ok       ok
size-wrap              -!      5~+     -!      -!          5@+      5@+
uninitialised-read     -!      -!      -!      -!          -!       -!
stack-overflow         3@      4@      4@      4@          4@       4@
stack-buffer-overflow  -!      5~+     -!      -!          -!       5~+
dangling-stack         -!      -!      -!      -!          -!       -!
`

// TestRawNets holds what raw pointers can and can't have. It does not differ from
// run to run.
func TestRawNets(t *testing.T) {
	for range 3 {
		var got strings.Builder
		columns := Setups[:column(t, "access")]
		fmt.Fprintf(&got, "\n%21s", "")
		for _, s := range columns {
			fmt.Fprintf(&got, "  %s", s.Name)
		}
		got.WriteByte('\n')
		for _, b := range study(t).Bugs {
			row := fmt.Sprintf("%-21s", b.Name)
			for i, r := range b.Runs[:len(columns)] {
				row += fmt.Sprintf("  %-*s", len(columns[i].Name), short(r))
			}
			got.WriteString(strings.TrimRight(row, " ") + "\n")
		}
		if diff := cmp.Diff(raw, got.String()); diff != "" {
			t.Fatalf("the nets notice something else (- want, + got):\n%s", diff)
		}
	}
}

func short(r Run) string {
	s := "-"
	switch {
	case r.Refused != "":
		return "ok"
	case r.Moment == AtOnce:
		s = fmt.Sprintf("%d@", r.Level)
	case r.Noticed:
		s = fmt.Sprintf("%d~", r.Level)
	}
	if r.ByNet() {
		s += "+"
	}
	if r.Blamed == WrongBlock {
		s += "w"
	}
	if len(r.Damage) > 0 {
		s += "!"
	}
	return s
}

// wrongByte is where the first wrong byte of a bug lies, from its block's start.
var wrongByte = map[string]int64{
	"free-interior": 16, "free-misaligned": 1,
	"overflow-padding": 13, "overflow-one": 16, "overflow-16": 32, "overread-one": 16, "underflow-one": -1,
	"read-after-free": 0, "write-after-free": 0, "write-after-reuse": 0, "read-after-churn": 0, "use-after-realloc": 0,
	"zero-size-use": 0, "size-wrap": 16, "uninitialised-read": 0, "stack-buffer-overflow": 16, "dangling-stack": 0,
}

// TestFirstWrongByte: whoever blames the right block names the first byte that is
// wrong, whichever net it is, at once or later.
func TestFirstWrongByte(t *testing.T) {
	told := map[string]bool{}
	for _, trial := range study(t).Bugs {
		want, known := wrongByte[trial.Name]
		for _, r := range trial.Runs {
			if r.Blamed != RightBlock || !known {
				continue
			}
			told[trial.Name] = true
			f := r.Finding
			if f.Offset != want || f.Byte != f.Block.Start+addr.Addr(want) {
				t.Errorf("%s, %s: byte %v, %d from the start of the block at %v; want %d", trial.Name, r.Net, f.Byte, f.Offset, f.Block.Start, want)
			}
		}
	}
	if len(told) != len(wrongByte) {
		t.Errorf("only %d of %d were told", len(told), len(wrongByte))
	}
}

// TestNoFalseAlarms: without the statement that is the bug, no net cries out, and
// nothing is damaged.
func TestNoFalseAlarms(t *testing.T) {
	setups := append(slices.Clone(Setups), Setup{Name: "checked", Nets: mmapheap.CheckedNets()})
	for _, b := range All {
		for _, s := range setups {
			r, err := once(b, s, true, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Noticed || r.Refused != "" || len(r.Damage) > 0 {
				t.Errorf("%s without its bug, %s: line %d, damage %q, %+v", b.Name, s.Name, r.Line, r.Damage, r.Finding)
			}
		}
	}
}

// TestNothingStaysMapped: a study gives back all that it reserved.
func TestNothingStaysMapped(t *testing.T) {
	const (
		studies = 12
		ofGo    = 8 // mappings that Go itself may make meanwhile
	)
	before := ours(t)
	for range studies {
		study(t)
	}
	if after := ours(t); after > before+ofGo {
		t.Errorf("%d mappings without permissions before, %d after %d studies", before, after, studies)
	}
}

// ours is how many mappings nobody may access: each region has several.
func ours(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(maps, []byte(" ---p "))
}

// TestStudyNeedsItsBase: where the memory is not to be had, the error says so.
func TestStudyNeedsItsBase(t *testing.T) {
	region, err := mmapheap.Reserve(mmapheap.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer region.Release()
	_, err = Study(All[:1], Options{Base: region.Range().Lo})
	if !errors.Is(err, mmapheap.ErrOccupied) || !strings.HasPrefix(err.Error(), "bug double-free: reserve: ") {
		t.Errorf("at an address that is in use: %v", err)
	}
}

// TestAll: the list is in order, groups stand together, names fit, and the statement
// that is wrong is there.
func TestAll(t *testing.T) {
	seen := map[string]bool{}
	for i, b := range All {
		if b.Number != i+1 {
			t.Errorf("%s has number %d at place %d", b.Name, b.Number, i+1)
		}
		if found, ok := Find(b.Name); !ok || found != b {
			t.Errorf("%s is not what is found by that name", b.Name)
		}
		if i > 0 && All[i-1].Group != b.Group && seen[b.Group] {
			t.Errorf("the group of %s stands in two places", b.Name)
		}
		seen[b.Group] = true
		if lines := b.Lines(); b.Line < 1 || b.Line > len(lines) {
			t.Errorf("%s: line %d of %d", b.Name, b.Line, len(lines))
		}
		for _, l := range b.Lines() {
			if len(l) > 63 || strings.Contains(l, "\t") {
				t.Errorf("%s: the line %q does not fit", b.Name, l)
			}
		}
		if b.Title == "" || len(b.Title) > 46 || b.About == "" || len(b.Name) > 21 {
			t.Errorf("%s: title %q, about %q", b.Name, b.Title, b.About)
		}
	}
	if len(All) != 32 {
		t.Errorf("%d bugs", len(All))
	}
}

// TestLinesAreReached: a program that runs to its end went through lines of its
// source only, in any setup.
func TestLinesAreReached(t *testing.T) {
	for _, trial := range study(t).Bugs {
		for _, r := range trial.Runs {
			if r.Line < 0 || r.Line > len(trial.Source) {
				t.Errorf("%s, %s: noticed at line %d of %d", trial.Name, r.Net, r.Line, len(trial.Source))
			}
			if f := r.Finding; f != nil && f.Here != nil && f.Here.Line != r.Line {
				t.Errorf("%s, %s: noticed at line %d, the report says %d", trial.Name, r.Net, r.Line, f.Here.Line)
			}
		}
	}
}

// TestLocalsAreMadeByTheirFunction: a report says of a local that its own function
// made it, not the caller, and of a global that no function did.
func TestLocalsAreMadeByTheirFunction(t *testing.T) {
	r, err := Study([]*Bug{danglingStack, freeGlobal}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	last := len(Setups) - 1
	stack, global := r.Bugs[0].Runs[last].Finding, r.Bugs[1].Runs[last].Finding
	for _, tt := range []struct {
		got  *Site
		want Site
	}{
		{stack.Block.Allocated, Site{"make", "dangling-stack.c", 1}},
		{stack.Other.Allocated, Site{"other", "dangling-stack.c", 2}},
		{stack.Here, Site{"other", "dangling-stack.c", 4}},
		{global.Block.Allocated, Site{"file scope", "free-global.c", 1}},
		{global.Here, Site{"main", "free-global.c", 4}},
	} {
		if *tt.got != tt.want {
			t.Errorf("%v, want %v", *tt.got, tt.want)
		}
	}
}
