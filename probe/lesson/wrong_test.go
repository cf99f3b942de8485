package lesson

import (
	"fmt"
	"strings"
	"testing"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// TestWrongCaptions: and the last step of each is where a checked heap stops it.
func TestWrongCaptions(t *testing.T) {
	wrong := []*probe.Scenario{Leak, DoubleFree, UseAfterFree, Dangling, HeapOverflow, Uninitialised}
	captions(t, wrong...)
	for _, s := range wrong {
		for _, step := range tell(t, s, nil).Steps {
			if last := step.N == len(tell(t, s, nil).Steps); last != (step.Stopped != nil) {
				t.Errorf("%s, step %d of %v: stopped %v", s.Name, step.N, last, step.Stopped)
			}
		}
	}
}

// stopped checks where and as what the checked heap stops a program; places are those
// of its report, by label.
func (s *story) stopped(line int, class string, block string, places map[string]string) {
	s.t.Helper()
	stop := s.Steps[len(s.Steps)-1].Stopped
	if stop == nil {
		s.t.Fatalf("%s is not stopped", s.Scenario)
	}
	s.want("the line of the stop", stop.Line, line)
	s.want("the mistake", stop.Class, class)
	got := map[string]string{}
	for _, l := range stop.Report {
		got[l.Label] = l.Text
	}
	if !strings.Contains(got["block"], block) {
		s.t.Errorf("%s: the report is about %q, want %q", s.Scenario, got["block"], block)
	}
	for label, want := range places {
		s.want(label, got[label], want)
		_, at, _ := strings.Cut(want, ".rs:")
		if n := number(s.t, at); n > len(s.Source) || strings.TrimSpace(s.Source[n-1]) == "" {
			s.t.Errorf("%s: %s at line %s, which is empty", s.Scenario, label, at)
		}
	}
	if line > 0 {
		s.want("here", got["here"][strings.LastIndex(got["here"], ":")+1:], fmt.Sprint(line))
	}
	s.want("what is left of that heap in this one", addr.Range{Lo: s.Memory.Base, Hi: s.Memory.End}.Overlaps(stop.Heap), false)
}

// TestLeakStaysInUse: both blocks outlive main, without an owner, and nothing frees
// them.
func TestLeakStaysInUse(t *testing.T) {
	s := tell(t, Leak, nil)
	s.want("the first owner", inUse(s.Steps[0].Heap)[0].Owner, "main.a")
	for _, step := range s.Steps[1:] {
		for _, b := range inUse(step.Heap) {
			s.want(fmt.Sprintf("an owner in step %d", step.N), b.Owner, "")
		}
		s.want("the frees", s.events(step.N, probe.EventFree, probe.EventDrop), "")
	}
	lost := inUse(s.Steps[4].Heap)
	s.want("the blocks in use at the end", len(lost), 2)
	s.want("the text", string(lost[0].Bytes), "nobody's text")
	s.want("the frames at the end", len(s.Steps[4].Frames), 0)
	s.want("p in the end", s.values(4, "main.p"), "0x0")
	s.want("p before", s.values(3, "main.p"), lost[1].Addr.String())
	s.want("the answer", s.answer(5), "2")
	s.stopped(0, "leak", `"a", 13 bytes`, map[string]string{"allocated": "main, leak.rs:4"})
	report := s.Steps[5].Stopped.Report
	if last := report[len(report)-1]; last.Label != "besides" || !strings.Contains(last.Text, `"p", 4 bytes`) {
		t.Errorf("the second leak: %+v", last)
	}
}

// TestDoubleFreeTakesAnothersBlock: the second free is granted, and two owners have one
// block; the one that is refused is the innocent one.
func TestDoubleFreeTakesAnothersBlock(t *testing.T) {
	s := tell(t, DoubleFree, nil)
	p := s.values(1, "main.p")
	s.want("q and r", s.values(4, "main.q", "main.r"), p+" "+p)
	s.want("the block in step 2", string(inUse(s.Steps[1].Heap)[0].Bytes[:9]), "text of q")
	s.want("the free in step 3", s.events(3, probe.EventFree, probe.EventRefused), "free 16")
	s.want("the blocks after it", len(inUse(s.Steps[2].Heap)), 0)
	s.want("the block in step 4", string(inUse(s.Steps[3].Heap)[0].Bytes[:9]), "text of r")
	s.want("the answer", s.answer(4), p)
	s.want("the frees in step 5", s.events(5, probe.EventFree, probe.EventRefused), "free 16, refused 0")
	if want := "the heap refuses: free " + p + ": the block is already free"; !strings.Contains(s.Steps[4].Text, want) {
		t.Errorf("step 5 does not say %q: %s", want, s.Steps[4].Text)
	}
	s.stopped(11, "double free", `"p", 16 bytes`, map[string]string{
		"allocated": "main, double-free.rs:7", "freed": "main, double-free.rs:8", "here": "main, double-free.rs:11",
	})
}

// TestUseAfterFreeReadsTheNextOwner: p never changes; what it reads and writes is t's.
func TestUseAfterFreeReadsTheNextOwner(t *testing.T) {
	s := tell(t, UseAfterFree, nil)
	p := s.values(1, "main.p")
	for _, step := range s.Steps {
		s.want(fmt.Sprintf("p in step %d", step.N), s.values(step.N, "main.p"), p)
	}
	s.want("the block of t", inUse(s.Steps[2].Heap)[0].Addr.String(), p)
	s.want("its owner", inUse(s.Steps[2].Heap)[0].Owner, "main.t")
	s.want("c", s.values(4, "main.c"), fmt.Sprint('y'))
	s.want("the answer", s.answer(4), "121, the code of y")
	s.want("t", s.values(4, "main.t")+s.values(5, "main.t"), `"your key""Xour key"`)
	s.stopped(6, "use after free", `"s", 7 bytes`, map[string]string{
		"allocated": "main, use-after-free.rs:2", "freed": "main, use-after-free.rs:4", "here": "main, use-after-free.rs:6",
	})
}

// TestDanglingChangesAnotherVariable: limit lies where n was, and the write to *p is
// one to limit.
func TestDanglingChangesAnotherVariable(t *testing.T) {
	eachProgram(t, Dangling, func(s *story) {
		n, w, limit := s.numbers["n"], s.numbers["w"], s.numbers["limit"]
		s.want("n", s.values(1, "make.n"), n)
		s.want("n, popped", s.values(2, "make.n"), n)
		s.want("the state of n", s.variable(2, "make.n").State, probe.Popped)
		s.want("limit lies where n was", s.variable(3, "check.limit").Addr, s.variable(1, "make.n").Addr)
		s.want("p", *s.variable(3, "main.p").PointsTo, s.variable(3, "check.limit").Addr)
		s.want("limit before and after", s.values(3, "check.limit")+" "+s.values(4, "check.limit"), limit+" "+w)
		s.want("the answer", s.answer(4), w)
		s.want("the choices", len(s.Steps[3].Question.Choices), 3)
		s.stopped(8, "use after return", `"n", 4 bytes on the stack`, map[string]string{
			"made": "make, dangling.rs:1", "returned": "make, dangling.rs:4", "here": "check, dangling.rs:8",
		})
	})
}

// TestHeapOverflowReachesTheNeighbour, which begins where the block ends, by as many
// bytes as were too many.
func TestHeapOverflowReachesTheNeighbour(t *testing.T) {
	eachProgram(t, HeapOverflow, func(s *story) {
		n := number(t, s.numbers["n"])
		over := n - 16
		first := inUse(s.Steps[0].Heap)
		s.want("the neighbour's place", first[1].Addr, first[0].Addr.Offset(16))
		s.want("balance before", s.values(1, "main.balance"), s.numbers["balance"])
		written := inUse(s.Steps[1].Heap)
		s.want("the block", string(written[0].Bytes), strings.Repeat("A", 16))
		s.want("the neighbour", string(written[1].Bytes), strings.Repeat("A", over)+string(first[1].Bytes[over:]))
		s.want("balance has changed", s.values(2, "main.balance") != s.numbers["balance"], true)
		s.want("the answer", s.answer(2), fmt.Sprint(over))
		s.want("the frees", s.events(3, probe.EventFree, probe.EventRefused), "free 16, free 4")
		s.want("the heap in use at the end", s.Steps[2].Heap.Used, addr.Bytes(0))
		s.stopped(8, "overflow", `"name", 16 bytes`, map[string]string{
			"allocated": "main, heap-overflow.rs:6", "here": "main, heap-overflow.rs:8",
		})
	})
}

// TestUninitialisedReadsTheSecret, at the address where it was.
func TestUninitialisedReadsTheSecret(t *testing.T) {
	eachProgram(t, Uninitialised, func(s *story) {
		secret := fmt.Sprintf("%q", "pin "+s.numbers["pin"])
		s.want("the secret", s.values(1, "main.secret"), secret)
		s.want("the blocks in use in between", len(inUse(s.Steps[1].Heap)), 0)
		s.want("t's block", inUse(s.Steps[2].Heap)[0].Addr, inUse(s.Steps[0].Heap)[0].Addr)
		s.want("t", s.values(3, "main.t")+s.values(4, "main.t"), `""`+secret)
		s.want("what was written for it", s.events(4, probe.EventStore), "store 24")
		s.want("the answer", s.answer(4), secret)
		s.stopped(6, "uninitialised read", `"t", 8 bytes`, map[string]string{
			"allocated": "main, uninitialised.rs:4", "here": "main, uninitialised.rs:6",
		})
	})
}
