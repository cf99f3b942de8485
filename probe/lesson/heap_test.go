package lesson

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// heapScenarios are those of this file's tests.
var heapScenarios = []*probe.Scenario{String, StringGrow, VecGrow, Box, HeapTypes, Move, Alloc, Free, Parking, Fragmentation}

// played runs a scenario; without a seed it has the lesson's numbers.
func played(t *testing.T, s *probe.Scenario, seed *uint64) *probe.Trace {
	t.Helper()
	trace, err := probe.Run(s, probe.Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// withSeeds calls test with the lesson's numbers, and with those of 200 seeds where
// the scenario has numbers.
func withSeeds(t *testing.T, s *probe.Scenario, test func(t *testing.T, trace *probe.Trace)) {
	t.Helper()
	t.Run(s.Name, func(t *testing.T) {
		test(t, played(t, s, nil))
		if len(s.Numbers) == 0 {
			return
		}
		seeds := uint64(200)
		if testing.Short() {
			seeds = 20
		}
		for seed := range seeds {
			if test(t, played(t, s, &seed)); t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	})
}

// of are the events of one kind in the given steps.
func of(kind probe.Kind, steps ...probe.Step) []probe.Event {
	var events []probe.Event
	for _, s := range steps {
		for _, e := range s.Events {
			if e.Kind == kind {
				events = append(events, e)
			}
		}
	}
	return events
}

// field is a field of a variable, such as main.s's ptr.
func field(t *testing.T, s probe.Step, variableName, name string) string {
	t.Helper()
	for _, f := range variable(t, s, variableName).Fields {
		if f.Name == name {
			return f.Value
		}
	}
	t.Fatalf("step %d: %s has no %s", s.N, variableName, name)
	return ""
}

// answer is the answer of a step's question.
func answer(t *testing.T, s probe.Step) string {
	t.Helper()
	if s.Question == nil {
		t.Fatalf("step %d asks nothing", s.N)
	}
	return s.Question.Choices[s.Question.Answer]
}

// freeBlocks are the sizes of the free blocks of a step, by address.
func freeBlocks(s probe.Step) []probe.Block {
	return slices.DeleteFunc(slices.Clone(s.Heap.Blocks), func(b probe.Block) bool { return b.State != probe.BlockFree })
}

// lines is how many lines of 78 cells a text takes.
func lines(text string) int {
	n, left := 1, 78
	for i, word := range strings.Fields(text) {
		w := len([]rune(word))
		if i > 0 && w+1 > left {
			n, left = n+1, 78
		} else if i > 0 {
			w++
		}
		left -= w
	}
	return n
}

// TestHeapCaptions: each step is told in three lines, each question has several
// answers, and no number is left unnamed.
func TestHeapCaptions(t *testing.T) {
	for _, s := range heapScenarios {
		withSeeds(t, s, func(t *testing.T, trace *probe.Trace) {
			asked := 0
			for _, line := range trace.Source {
				if len(line) > 76 || strings.Contains(line, "$") {
					t.Errorf("source line %q", line)
				}
			}
			for _, step := range trace.Steps {
				if n := lines(step.Text); n > 3 {
					t.Errorf("step %d takes %d lines: %s", step.N, n, step.Text)
				}
				all := []string{step.Title, step.Text}
				for _, note := range step.Notes {
					all = append(all, note.Lesson, note.Here, note.Why)
				}
				if q := step.Question; q != nil {
					asked++
					all = append(append(all, q.Text, q.Why), q.Choices...)
					if n := len(q.Choices); n < 2 || n > 4 || q.Answer < 0 || q.Answer >= n {
						t.Errorf("step %d: answer %d of %q", step.N, q.Answer, q.Choices)
					}
					if sorted := slices.Sorted(slices.Values(q.Choices)); len(slices.Compact(sorted)) != len(q.Choices) {
						t.Errorf("step %d: choices %q", step.N, q.Choices)
					}
				}
				for _, text := range all {
					if strings.ContainsAny(text, "$!") || strings.Contains(text, "%!") || text == "" {
						t.Errorf("step %d says %q", step.N, text)
					}
				}
				if step.Line < 1 || step.Line > len(trace.Source) || strings.TrimSpace(trace.Source[step.Line-1]) == "" {
					t.Errorf("step %d is at line %d", step.N, step.Line)
				}
			}
			if asked == 0 {
				t.Error("nothing is asked")
			}
		})
	}
}

// TestBuffersGrow: the capacities are rustc's, and the address changes where the text
// says so.
func TestBuffersGrow(t *testing.T) {
	for _, tt := range []struct {
		s          *probe.Scenario
		name       string
		capacities []string
		blocks     []int // which block it has at each step, counted from 0; -1: none
		whole      int   // at which step the value is whole, counted from 0
		value      string
		answers    map[int]string
	}{
		{StringGrow, "main.s", []string{"5", "13", "13", "26", "26", "52"}, []int{0, 0, 0, 1, 1, 1},
			5, `"hello, world! Hi! Bye. Again."`, map[int]string{4: "Yes, the whole buffer moves", 6: "No, its block grows where it is"}},
		{VecGrow, "main.v", []string{"0", "4", "4", "8", "8", "16", "16"}, []int{-1, 0, 0, 0, 0, 1, 1},
			5, "[1, 2, 3, 4, 5, 6, 7, 8, 9]", map[int]string{4: "8", 6: "Yes, the whole buffer moves"}},
	} {
		trace := played(t, tt.s, nil)
		if len(trace.Steps) != len(tt.capacities) {
			t.Fatalf("%s has %d steps", tt.s.Name, len(trace.Steps))
		}
		var blocks []string
		for i, step := range trace.Steps {
			if got := field(t, step, tt.name, "cap"); got != tt.capacities[i] {
				t.Errorf("%s, step %d: capacity %s, want %s", tt.s.Name, step.N, got, tt.capacities[i])
			}
			ptr, want := field(t, step, tt.name, "ptr"), tt.blocks[i]
			if want >= 0 && !slices.Contains(blocks, ptr) {
				blocks = append(blocks, ptr)
			}
			if got := slices.Index(blocks, ptr); got != want {
				t.Errorf("%s, step %d: the block is number %d, want %d", tt.s.Name, step.N, got, want)
			}
			if v := variable(t, step, tt.name); i == tt.whole && v.Value != tt.value {
				t.Errorf("%s, step %d: the value is %s", tt.s.Name, step.N, v.Value)
			}
			if want, ok := tt.answers[step.N]; ok && answer(t, step) != want {
				t.Errorf("%s, step %d: the answer is %q", tt.s.Name, step.N, answer(t, step))
			}
		}
		moves := 0
		for _, e := range of(probe.EventResize, trace.Steps...) {
			if *e.From == e.Addr {
				if e.LookedAt != nil {
					t.Errorf("%s: in place, yet %v were looked at", tt.s.Name, e.LookedAt)
				}
				continue
			}
			moves++
			if last := e.LookedAt[len(e.LookedAt)-1]; last.Addr != e.Addr || !last.Fits {
				t.Errorf("%s: moved to %v, the search ended at %v", tt.s.Name, e.Addr, last)
			}
		}
		if moves != 1 {
			t.Errorf("%s: %d moves", tt.s.Name, moves)
		}
	}
}

// TestDropOrder: boxed, numbers, name, and each frees its own block.
func TestDropOrder(t *testing.T) {
	trace := played(t, HeapTypes, nil)
	steps := trace.Steps
	for _, tt := range []struct{ name, field, want string }{
		{"main.name", "cap", "13"}, {"main.name", "len", "13"}, {"main.numbers", "cap", "4"}, {"main.numbers", "len", "3"},
	} {
		if got := field(t, steps[2], tt.name, tt.field); got != tt.want {
			t.Errorf("%s.%s is %s, want %s", tt.name, tt.field, got, tt.want)
		}
	}
	if first := answer(t, steps[3]); first != "boxed" {
		t.Errorf("%s is said to be dropped first", first)
	}
	for i, name := range []string{"boxed", "numbers", "name"} {
		step := steps[3+i]
		v := variable(t, steps[2], "main."+name)
		block := field(t, steps[2], "main."+name, "ptr")
		drops, frees := of(probe.EventDrop, step), of(probe.EventFree, step)
		if len(drops) != 1 || drops[0].Addr != v.Addr || len(frees) != 1 || frees[0].Addr.String() != block {
			t.Errorf("step %d dropped %v and freed %v, want %s and its block %s", step.N, drops, frees, name, block)
		}
		if !strings.HasPrefix(step.Title, name+" ") {
			t.Errorf("step %d says %q", step.N, step.Title)
		}
	}
	if used := steps[len(steps)-1].Heap.Used; used != 0 {
		t.Errorf("%d bytes are left in use", used)
	}
}

// TestMoveMovesNoText: one block, allocated and freed once, with an owner at a time.
func TestMoveMovesNoText(t *testing.T) {
	steps := played(t, Move, nil).Steps
	allocs, frees := of(probe.EventAlloc, steps...), of(probe.EventFree, steps...)
	if len(allocs) != 1 || len(frees) != 1 || allocs[0].Addr != frees[0].Addr {
		t.Fatalf("allocated %v, freed %v", allocs, frees)
	}
	for i, owner := range []string{"main.s1", "main.s2", "take.t"} {
		b := steps[i].Heap.Blocks[0]
		if b.Addr != allocs[0].Addr || b.Owner != owner || string(b.Bytes) != "hello" {
			t.Errorf("step %d: block %v, %q, of %s", i+1, b.Addr, b.Bytes, b.Owner)
		}
		if i > 0 && string(variable(t, steps[i], owner).Bytes) != string(variable(t, steps[0], "main.s1").Bytes) {
			t.Errorf("step %d: the handle has other bytes", i+1)
		}
	}
	if got := answer(t, steps[1]); got != "Where it was" {
		t.Errorf("the text is said to be %q", got)
	}
	if got := answer(t, steps[3]); got != "When take ends" || len(of(probe.EventFree, steps[3])) != 1 {
		t.Errorf("the block is said to be freed %q", got)
	}
	if drops := of(probe.EventDrop, steps[4]); len(drops) != 0 {
		t.Errorf("main's end drops %v", drops)
	}
}

// firstFit is where a request of n bytes goes, found in a step's picture, and all
// that is looked at before.
func firstFit(s probe.Step, n addr.Bytes) (where probe.Block, looked []probe.Candidate) {
	for _, b := range freeBlocks(s) {
		looked = append(looked, probe.Candidate{Addr: b.Addr, Size: b.Size, Fits: b.Size >= n})
		if b.Size >= n {
			return b, looked
		}
	}
	return probe.Block{}, looked
}

// requested is n of a program with Vec::with_capacity(n), or whatever else call names.
func requested(t *testing.T, trace *probe.Trace, call string) (n addr.Bytes) {
	t.Helper()
	for _, line := range trace.Source {
		if _, after, ok := strings.Cut(line, call+"("); ok {
			if _, err := fmt.Sscan(strings.TrimRight(after, "); {.isert"), &n); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			return n
		}
	}
	t.Fatalf("%s: no %s", trace.Scenario, call)
	return 0
}

// checkFourSteps compares an allocation with the picture before it: the search, the
// mark, and the pointer are first fit's.
func checkFourSteps(t *testing.T, n addr.Bytes, before, search, mark, pointer probe.Step, owner string) probe.Block {
	t.Helper()
	where, looked := firstFit(before, n)
	events := of(probe.EventSearch, search)
	if len(events) != 1 || !slices.Equal(events[0].LookedAt, looked) || events[0].Addr != where.Addr {
		t.Errorf("%d bytes: the search is %v, want %v", n, events, looked)
	}
	if len(of(probe.EventAlloc, search)) != 0 || search.Heap.Used != before.Heap.Used {
		t.Error("the search has set something aside")
	}
	find := func(s probe.Step) probe.Block {
		i := slices.IndexFunc(s.Heap.Blocks, func(b probe.Block) bool { return b.Addr == where.Addr && b.State == probe.BlockUsed })
		if i < 0 {
			t.Fatalf("step %d: no block at %v", s.N, where.Addr)
		}
		return s.Heap.Blocks[i]
	}
	if b := find(mark); b.Owner != "" || b.Requested != n || b.Size != n.AlignUp(16) {
		t.Errorf("marked is %+v", b)
	}
	if b := find(pointer); b.Owner != owner || field(t, pointer, owner, "ptr") != where.Addr.String() {
		t.Errorf("the block is %s's, whose ptr is %s", b.Owner, field(t, pointer, owner, "ptr"))
	}
	return where
}

// TestFourSteps: request, search, mark, pointer, for every number.
func TestFourSteps(t *testing.T) {
	answers := map[string]bool{}
	withSeeds(t, Alloc, func(t *testing.T, trace *probe.Trace) {
		n, s := requested(t, trace, "with_capacity"), trace.Steps
		where := checkFourSteps(t, n, s[0], s[2], s[3], s[4], "main.v")
		if got, want := answer(t, s[2]), sizeIs(where.Size); got != want {
			t.Errorf("%d bytes: the answer is %q, want %q", n, got, want)
		}
		answers[answer(t, s[2])] = true
		if _, looked := firstFit(s[0], n); len(looked) < 2 {
			t.Errorf("%d bytes: the first hole fits", n)
		}
		if len(s[1].Events) != 0 {
			t.Errorf("the request did %v", s[1].Events)
		}
		if trace.Seed == nil && (n != 48 || where.Size != 96 || tightest(freeBlocks(s[0]), n) != 64) {
			t.Errorf("the lesson's %d bytes go to the hole of %d", n, where.Size)
		}
	})
	if len(answers) < 3 {
		t.Errorf("all seeds together have the answers %v", answers)
	}
}

// TestFreedBlockIsUsedAgain: by the first request that fits; the pointer never changes.
func TestFreedBlockIsUsedAgain(t *testing.T) {
	s := played(t, Free, nil).Steps
	hole := field(t, s[0], "main.a", "ptr")
	for _, step := range s {
		if got := variable(t, step, "main.p").Value; got != hole {
			t.Errorf("step %d: p is %s, want %s", step.N, got, hole)
		}
	}
	isFree := func(step probe.Step) bool {
		return slices.ContainsFunc(freeBlocks(step), func(b probe.Block) bool { return b.Addr.String() == hole && b.Size == 16 })
	}
	for i, want := range []bool{false, false, true, true, true, false} {
		if isFree(s[i]) != want {
			t.Errorf("step %d: the hole is free: %v", i+1, !want)
		}
	}
	if c := of(probe.EventAlloc, s[4])[0]; len(c.LookedAt) != 2 || c.LookedAt[0].Addr.String() != hole || c.LookedAt[0].Fits {
		t.Errorf("c's search is %v", c.LookedAt)
	}
	if got := field(t, s[5], "main.d", "ptr"); got != hole || answer(t, s[5]) != "In the hole that a left" {
		t.Errorf("d is at %s, the answer is %q", got, answer(t, s[5]))
	}
	for i, want := range map[int]string{0: "f", 3: "f", 5: "n"} {
		if got := s[i].Facts[0].Value; got != fmt.Sprint(want[0]) {
			t.Errorf("step %d: the byte at p is %s, want %d", i+1, got, want[0])
		}
	}
	if last := s[6].Heap; len(last.Blocks) != 1 || last.Used != 0 || answer(t, s[6]) != "1" {
		t.Errorf("at the end the heap is %v, the answer %q", last, answer(t, s[6]))
	}
}

// TestParking: the bus gets the first gap that is wide enough, and leaves it as it was.
func TestParking(t *testing.T) {
	answers := map[string]bool{}
	withSeeds(t, Parking, func(t *testing.T, trace *probe.Trace) {
		n, s := requested(t, trace, "with_capacity"), trace.Steps
		where := checkFourSteps(t, n, s[0], s[1], s[2], s[3], "main.bus")
		if got, want := answer(t, s[1]), "The gap of "+spaces(where.Size); got != want {
			t.Errorf("%d bytes: the answer is %q, want %q", n, got, want)
		}
		answers[answer(t, s[1])] = true
		if len(of(probe.EventFree, s[4])) != 0 || len(of(probe.EventFree, s[5])) != 1 {
			t.Error("the sign does not come down when drop ends")
		}
		if got, want := answer(t, s[5]), spaces(where.Size); got != want {
			t.Errorf("%d bytes: the gap is said to have %s, want %s", n, got, want)
		}
		if !slices.EqualFunc(s[0].Heap.Blocks, s[6].Heap.Blocks, func(a, b probe.Block) bool { return a.Addr == b.Addr && a.Size == b.Size && a.State == b.State }) {
			t.Error("the car park is not as it was")
		}
		if bus := variable(t, s[6], "main.bus"); bus.State != probe.Moved || field(t, s[6], "main.bus", "ptr") != where.Addr.String() {
			t.Errorf("the old ticket is %+v", bus)
		}
	})
	if len(answers) < 3 {
		t.Errorf("all seeds together have the answers %v", answers)
	}
}

// TestFragmentation: enough is free, nothing fits; after one free more it does.
func TestFragmentation(t *testing.T) {
	withSeeds(t, Fragmentation, func(t *testing.T, trace *probe.Trace) {
		n, s := requested(t, trace, "try_reserve_exact"), trace.Steps
		if s[0].Heap.Free != 0 {
			t.Errorf("%d bytes are free at first", s[0].Heap.Free)
		}
		where, looked := firstFit(s[1], n)
		if search := of(probe.EventSearch, s[2])[0]; s[1].Heap.Free < n || where.Size != 0 || search.Addr != 0 || !slices.Equal(search.LookedAt, looked) {
			t.Errorf("%d bytes of %d free: found %v, search %v", n, s[1].Heap.Free, where, search)
		}
		if s[2].Heap.Used != s[1].Heap.Used || answer(t, s[2]) != "No: no hole is large enough" {
			t.Errorf("the request is said to succeed: %q", answer(t, s[2]))
		}
		before, after := freeBlocks(s[2]), freeBlocks(s[3])
		if len(before) != 2 || len(after) != 1 || after[0].Addr != before[0].Addr || after[0].Size != 2560 || answer(t, s[3]) != "1 hole" {
			t.Errorf("holes %v became %v, the answer is %q", before, after, answer(t, s[3]))
		}
		if got := field(t, s[4], "main.big", "ptr"); got != after[0].Addr.String() || field(t, s[4], "main.big", "cap") != fmt.Sprint(uint64(n)) {
			t.Errorf("big's block is at %s, want %v", got, after[0].Addr)
		}
		for i, want := range map[int]string{1: "= 50 %", 3: "= 0 %", 4: "= 0 %", 5: "= 0 %"} {
			fact := s[i].Facts[0]
			if !strings.HasSuffix(fact.Value, want) || fact.What != "external fragmentation: 1 - largest free block / all free bytes" {
				t.Errorf("step %d: %s: %s, want %s", i+1, fact.What, fact.Value, want)
			}
		}
	})
}

// TestStringAndBoxAsk: where the text goes, and how many blocks a box's end frees.
func TestStringAndBoxAsk(t *testing.T) {
	if got := answer(t, played(t, String, nil).Steps[1]); got != "Into a block of the heap" {
		t.Errorf("the text goes %q", got)
	}
	if got := answer(t, played(t, Box, nil).Steps[3]); got != "1 block" {
		t.Errorf("freed are %s", got)
	}
}
