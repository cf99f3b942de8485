package layout

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"memprobe/layout/addr"
)

// A thread's stack is where the C library says it is, on whatever memory; of a thread
// that the library does not know nothing is claimed, and no two stacks overlap.
func TestStacksOnAnyMemory(t *testing.T) {
	if _, err := robustList(0); errors.Is(err, unix.ENOSYS) {
		t.Skip("no get_robust_list here, as under an emulator: not all stacks are told apart")
	}
	for name, flags := range map[string][]string{"dynamic": {"-pie", "-fPIE"}, "static": {"-static"}} {
		t.Run(name, func(t *testing.T) { checkStacks(t, start(t, ccTool(t, "testdata/stacks.c", flags...))) })
	}
}

// describeIdle describes pid once the kernel tells the stack pointers of all threads, as
// it does of those that wait.
func describeIdle(t *testing.T, pid int) *Space {
	t.Helper()
	for range 50 {
		s, err := Describe(pid, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(append(s.unknown, s.Stacks...), func(k Stack) bool { return k.SP == 0 }) {
			return s
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Skip("not all threads come to wait, or the kernel does not tell where they are")
	return nil
}

func checkStacks(t *testing.T, c child) {
	s := describeIdle(t, c.pid)
	checkTiled(t, s.Mappings, s.Parts)
	guards := map[string]addr.Bytes{"odd": 4096, "+inside": 16 << 10, "marked": 8 << 10, "arena": 0, "beside": 512 << 10}
	seen := 0
	for value, lo := range c.values {
		name, isLo := strings.CutSuffix(value, ":lo")
		if !isLo {
			continue
		}
		seen++
		want := addr.Range{Lo: lo, Hi: c.values[name+":hi"]}
		if name == "marked" {
			want.Lo = want.Lo.Offset(guards[name])
		}
		if name == "beside" { // right above a whole reserve, however large
			i, _ := find(s.Mappings, want.Lo-1)
			guards[name] = s.Mappings[i].Size()
		}
		k := stackNamed(s, name)
		if k == nil {
			t.Errorf("%s: no stack; notes %q", name, s.Notes)
			continue
		}
		if k.Range != want || k.FoundBy != FoundByRecord || k.Guard.Size() != guards[name] {
			t.Errorf("%s: %v with a guard of %d bytes, want %v and %d", name, k.Range, k.Guard.Size(), want, guards[name])
		}
		if left, known := k.ToGuard(); known && (k.Touched == 0 || left == 0 || left+k.Touched > k.Size()) {
			t.Errorf("%s: %d of %d bytes touched, %d left", name, k.Touched, k.Size(), left)
		}
		check(t, s, name, c.values[name], expected{KindThreadStack, nil, false})
		if i, ok := find(s.Parts, k.Lo); !ok || s.Parts[i].Kind != KindThreadStack || s.Parts[i].Lo != k.Lo {
			t.Errorf("%s: no part begins where its stack does", name)
		}
		if k.Guard.Size() > 0 {
			check(t, s, name+"'s guard", k.Guard.Lo, expected{KindGuard, nil, false})
		}
		bare := slices.ContainsFunc(s.Findings(), func(f Finding) bool {
			return f.Kind == FindingNoGuard && s.Parts[f.Part].Lo == k.Lo
		})
		if bare != (guards[name] == 0) {
			t.Errorf("%s: found to have no guard: %v", name, bare)
		}
	}
	for _, name := range []string{"raw_beside", "raw_alone", "arena:data"} {
		check(t, s, name, c.values[name], expected{KindAnonymous, nil, false})
		if k := s.StackAt(c.values[name]); k != nil {
			t.Errorf("%s is said to be on the stack of thread %s", name, k.Name)
		}
	}
	for i, k := range s.Stacks {
		if i > 0 && k.Lo < s.Stacks[i-1].Hi {
			t.Errorf("the stacks %v and %v overlap", s.Stacks[i-1].Range, k.Range)
		}
	}
	if seen < 11 || len(s.Stacks) != seen+1 || s.Threads != seen+3 || len(s.Notes) != 1 ||
		!strings.Contains(s.Notes[0], "the stacks of 2 are not told apart: nothing vouches") || strings.Count(s.Notes[0], " is at 0x") != 2 {
		t.Errorf("%d stacks said, %d found, %d threads, notes %q", seen, len(s.Stacks), s.Threads, s.Notes)
	}
}

// A C library that keeps no list of robust locks for the kernel has records as well.
func TestStacksWithoutAList(t *testing.T) {
	for name, exe := range map[string]func(t *testing.T) string{
		"musl":    func(t *testing.T) string { return tool(t, "musl-gcc", "-O0", "-static", "testdata/plainthreads.c") },
		"32 bits": func(t *testing.T) string { return tool(t, "gcc", "-m32", "-O0", "-pthread", "testdata/plainthreads.c") },
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, exe(t))
			s := describeIdle(t, c.pid)
			checkTiled(t, s.Mappings, s.Parts)
			if s.Threads != 3 || len(s.Stacks) != 3 || len(s.Notes) > 0 {
				t.Fatalf("%d threads, %d stacks, notes %q", s.Threads, len(s.Stacks), s.Notes)
			}
			for _, value := range []string{"small", "large"} {
				k := s.StackAt(c.values[value])
				if k == nil || k.First || !k.Contains(c.values[value]) || k.Guard.Size() == 0 || k.Size() < c.values[value+":size"].Sub(0) ||
					k.Size() > c.values[value+":size"].Sub(0)+64<<10 {
					t.Errorf("%s: %+v, want %d bytes", value, k, c.values[value+":size"])
				}
			}
		})
	}
}

// A process that a thread has forked goes on with that thread's stack; nobody runs on
// the one that the kernel made.
func TestForkedFromAThread(t *testing.T) {
	c := start(t, ccTool(t, "testdata/forked.c"))
	s := describeIdle(t, int(c.values["child"]))
	check(t, s, "local", c.values["local"], expected{KindThreadStack, nil, false})
	check(t, s, "main", c.values["main"], expected{KindProcessStack, nil, false})
	k := s.StackAt(c.values["local"])
	if k == nil || k.First || k.TID != s.PID || k.FoundBy != FoundByRecord || !k.Contains(k.SP) || s.StackAt(c.values["main"]) != nil || !s.FirstIsElsewhere() {
		t.Errorf("got %+v, notes %q", s.Stacks, s.Notes)
	}
	if s := describeIdle(t, c.pid); s.FirstIsElsewhere() || s.StackAt(c.values["main"]) == nil {
		t.Errorf("the first process: got %+v", s.Stacks)
	}
}
