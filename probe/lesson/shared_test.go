package lesson

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"memprobe/layout/addr"
	"memprobe/probe"
)

// seeds is how many programs of a scenario with numbers are looked at.
const seeds = 200

// eachProgram calls check with the lesson's program, and with those of some seeds where
// the scenario has numbers.
func eachProgram(t *testing.T, s *probe.Scenario, check func(*story)) {
	t.Helper()
	check(tell(t, s, nil))
	for seed := uint64(0); seed < seeds && len(s.Numbers) > 0 && !t.Failed(); seed++ {
		check(tell(t, s, &seed))
	}
}

// captions checks that a step is read at a glance, and stands at a line that there is.
func captions(t *testing.T, scenarios ...*probe.Scenario) {
	t.Helper()
	for _, s := range scenarios {
		trace := tell(t, s, nil).Trace
		if n := len(trace.Steps); n < 3 || n > 7 {
			t.Errorf("%s has %d steps", s.Name, n)
		}
		for _, line := range trace.Source {
			if len(line) > 76 {
				t.Errorf("%s: a line of %d columns: %s", s.Name, len(line), line)
			}
		}
		for _, step := range trace.Steps {
			if n := wrapped(step.Text, 78); n > 3 {
				t.Errorf("%s, step %d: a text of %d lines: %s", s.Name, step.N, n, step.Text)
			}
			if step.Line < 1 || step.Line > len(trace.Source) || strings.TrimSpace(trace.Source[step.Line-1]) == "" {
				t.Errorf("%s, step %d: no line %d", s.Name, step.N, step.Line)
			}
		}
	}
}

func TestSharedCaptions(t *testing.T) { captions(t, FirstTouch, Lifetimes, Threads) }

// events are the kinds of a step's events of those kinds, in their order.
func (s *story) events(n int, kinds ...probe.Kind) string {
	var out []string
	for _, e := range s.Steps[n-1].Events {
		for _, k := range kinds {
			if e.Kind == k {
				out = append(out, fmt.Sprintf("%s %d", e.Kind, e.Size))
			}
		}
	}
	return strings.Join(out, ", ")
}

// TestFirstTouch: nothing of the block is in memory until it is touched, and then just
// the pages that were; a free gives none of them back.
func TestFirstTouch(t *testing.T) {
	s := tell(t, FirstTouch, nil)
	page := addr.Bytes(os.Getpagesize())
	block := inUse(s.Steps[1].Heap)[0]
	s.want("the block's size", block.Requested, 6*page)
	s.want("the value of page", s.values(1, "main.page"), fmt.Sprint(uint64(page)))
	if block.Touched == nil {
		t.Skip("this kernel does not tell which pages are resident, or an emulator answers in its place")
	}
	s.want("the pages after the reservation", fmt.Sprint(block.Touched), "[false false false false false false]")
	s.want("what became resident", s.Steps[1].Kernel.Resident, int64(0))
	s.want("the pages after three writes", fmt.Sprint(inUse(s.Steps[2].Heap)[0].Touched), "[true false true false false true]")
	s.want("what became resident", s.Steps[2].Kernel.Resident, 3*int64(page))
	s.want("the pages after one more", fmt.Sprint(inUse(s.Steps[3].Heap)[0].Touched), "[true false true false false true]")
	s.want("what became resident", s.Steps[3].Kernel.Resident, int64(0))
	s.want("what went with the free", s.Steps[4].Kernel.Resident, int64(0))
	s.want("the heap in use at the end", s.Steps[4].Heap.Used, addr.Bytes(0))

	// With the race detector some faults are its own.
	if got := s.Steps[2].Kernel.Faults; got < 3 {
		t.Errorf("three pages were touched with %d faults", got)
	}
	s.want("the answer", s.answer(3), fmt.Sprint(s.Steps[2].Kernel.Faults))
	s.want("the answer", s.answer(4), fmt.Sprint(s.Steps[3].Kernel.Faults))
	for n, want := range map[int]string{3: " page fault", 4: " page fault"} {
		if !strings.Contains(s.Steps[n-1].Text, s.answer(n)+want) {
			t.Errorf("step %d does not tell %s faults: %s", n, s.answer(n), s.Steps[n-1].Text)
		}
	}
}

// TestLifetimes: the block comes back at the line of dealloc, at the owner's closing
// brace, and after a collection.
func TestLifetimes(t *testing.T) {
	s := tell(t, Lifetimes, nil)
	for n, want := range map[int]string{1: "alloc 8", 2: "free 8", 3: "alloc 8", 4: "drop 8, free 8", 5: "", 6: ""} {
		s.want(fmt.Sprintf("step %d", n), s.events(n, probe.EventAlloc, probe.EventFree, probe.EventDrop), want)
	}
	s.want("by_hand's block has the owner", inUse(s.Steps[0].Heap)[0].Owner, "")
	s.want("by_owner's block has the owner", inUse(s.Steps[2].Heap)[0].Owner, "by_owner.b")
	s.want("the lines", fmt.Sprint(s.Steps[1].Line, s.Steps[3].Line), "7 12")
	s.want("line 7", strings.TrimSpace(s.Source[6]), "unsafe { dealloc(p, L) };")
	s.want("the answer", s.answer(4), "at the closing brace of by_owner")
	if early := s.fact(5, "g's memory is free"); early == "yes" {
		t.Log("the collector happened to run in between")
		s.want("the answer", s.answer(5), "Yes, since nothing refers to it")
	} else {
		s.want("the answer", s.answer(5), "No, and nobody can say when")
	}
	s.want("after the collection g's memory is free", s.fact(6, "g's memory is free"), "yes")
}

// TestTheCollectorTakesItsTime: of many pieces of memory, most are still there right
// after their last reference was dropped, and none after a collection.
func TestTheCollectorTakesItsTime(t *testing.T) {
	early := 0
	for range 10 {
		c := newCollected()
		if c.early {
			early++
		}
		if c.with < c.before+1<<20 {
			t.Logf("a collection came in between: %d bytes before, %d with g", c.before, c.with)
		}
		c.collect()
		if !c.late {
			t.Error("a collection did not free what nothing refers to")
		}
	}
	if early > 5 {
		t.Errorf("%d of 10 pieces were free at once", early)
	}
}

// TestThreadsShareTheHeapAlone: a stack each, none within another's; a block that
// changes its thread stays where it is; what pointed into a thread's stack points to
// nothing once that has ended.
func TestThreadsShareTheHeapAlone(t *testing.T) {
	taken := 0 // so often something else was mapped where the stack had been
	eachProgram(t, Threads, func(s *story) {
		n, k := s.numbers["n"], s.numbers["k"]
		threads := s.Steps[0].Threads
		if len(threads) != 3 {
			t.Fatalf("there are %d threads", len(threads))
		}
		for i, a := range threads {
			s.want(a.Name+"'s stack has its sp", a.Stack.Contains(a.SP) || a.SP == a.Stack.Hi, true)
			for _, b := range threads[:i] {
				if a.ID == b.ID || a.Stack.Overlaps(b.Stack) {
					t.Errorf("%+v and %+v are not two threads", a, b)
				}
			}
		}
		s.want("the threads", threads[0].Name+threads[1].Name+threads[2].Name, "mainab")
		s.want("a's stack", threads[1].Stack.Size(), addr.Bytes(2<<20))
		for _, step := range s.Steps {
			for _, f := range step.Frames {
				for _, th := range step.Threads {
					if inside := th.Stack.Covers(addr.Range{Lo: f.Start, Hi: f.End}); inside != (f.Thread == th.Name) {
						t.Errorf("step %d: the frame %s of %s lies in %s's stack: %v", step.N, f.Name, f.Thread, th.Name, inside)
					}
				}
			}
		}

		s.want("the marks spoilt", s.fact(2, "marks spoilt"), "0")
		s.want("the blocks made", s.fact(2, "blocks made and freed"), "2,000")
		s.want("what a read of main's stack", s.values(3, "reader.copy"), n)
		s.want("a's reference", *s.variable(3, "reader.n").PointsTo, s.variable(3, "main.n").Addr)

		before, after := inUse(s.Steps[2].Heap), inUse(s.Steps[3].Heap)
		s.want("the block's owners", before[0].Owner+" "+after[0].Owner, "maker.parcel main.parcel")
		s.want("the block's address", after[0].Addr, before[0].Addr)
		s.want("the answer", s.answer(4), "It is where it was, main owns it")
		s.want("the threads left", len(s.Steps[3].Threads), 2)
		s.want("the parcel", s.values(6, "main.parcel"), k)

		p := s.variable(5, "main.p")
		s.want("p", *p.PointsTo, s.variable(4, "reader.copy").Addr)
		if !threads[1].Stack.Contains(*p.PointsTo) {
			t.Errorf("p is %v, which is not in a's stack %v", *p.PointsTo, threads[1].Stack)
		}
		s.want("p at the end leads somewhere", s.variable(6, "main.p").PointsTo != nil, false)
		s.want("p at the end", s.variable(6, "main.p").Value, p.Value)
		if s.fact(6, "mapped at "+p.Value) == "nothing" {
			s.want("the answer", s.answer(6), "The program dies: no memory is there")
			s.want("the text tells of the fault", strings.Contains(s.Steps[5].Text, "segmentation fault"), true)
		} else {
			taken++
			s.want("the answer", s.answer(6), "It reads what is there now")
			s.want("the text tells of the fault", strings.Contains(s.Steps[5].Text, "segmentation fault"), false)
		}
	})
	if taken > seeds/10 {
		t.Errorf("after %d of %d runs the stack of an ended thread was mapped", taken, seeds+1)
	}
}

// TestMappedAt: what the kernel knows of this process, and what it does not.
func TestMappedAt(t *testing.T) {
	if err := Live(0, func(m *probe.Machine) error {
		at := m.Trace().Steps[1].Heap.Blocks[0].Addr
		if !mappedAt(at) || mappedAt(1) {
			t.Errorf("%v is mapped: %v, 0x1 is mapped: %v", at, mappedAt(at), mappedAt(1))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestThreadsStacksAreThere: while a thread runs, its stack is mapped, and the trace
// has the kernel's line for it.
func TestThreadsStacksAreThere(t *testing.T) {
	trace, err := held(t, Threads, 3, func(*probe.Step) {})
	if err != nil {
		t.Fatal(err)
	}
	atPause := []string{}
	if _, err := probe.Run(Threads, probe.Options{PauseAt: 3, Pause: func(m *probe.Machine) error {
		atPause = m.Trace().Memory.Maps
		for _, f := range m.Trace().Steps[2].Frames {
			if !mappedAt(f.Start) {
				t.Errorf("nothing is mapped at %v, where %s's frame %s is", f.Start, f.Thread, f.Name)
			}
		}
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	if len(atPause) <= len(trace.Memory.Maps) {
		t.Errorf("with three threads there are %d mappings, at the end %d", len(atPause), len(trace.Memory.Maps))
	}
}
