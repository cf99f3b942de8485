package probe

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe/rust"
)

// playScenario runs a scenario that is only a program.
func playScenario(t *testing.T, s *Scenario, opts Options) *Trace {
	t.Helper()
	trace, err := Run(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func seeded(n uint64) Options { return Options{Seed: &n} }

// TestNumbers: the lesson's without a seed, with one from the range, and the same
// ones again with the same seed.
func TestNumbers(t *testing.T) {
	s := &Scenario{Source: "let x = $x;\n", Numbers: []Number{{"x", 5, 10, 30, 10}}}
	s.Run = func(m *Machine) {
		m.Ask("what is x?", "it is $x", fmt.Sprint(m.Number("x")), "4", "$x", "6")
		m.Step(1, "x is $x", "here: $x")
	}
	if trace := playScenario(t, s, Options{}); trace.Source[0] != "let x = 5;" || trace.Steps[0].Title != "x is 5" || trace.Steps[0].Text != "here: 5" {
		t.Errorf("without a seed: %q, %q, %q", trace.Source, trace.Steps[0].Title, trace.Steps[0].Text)
	}
	seen := map[string]bool{}
	for seed := range uint64(60) {
		trace := playScenario(t, s, seeded(seed))
		again := playScenario(t, s, seeded(seed))
		q := trace.Steps[0].Question
		if trace.Source[0] != again.Source[0] || !slices.Equal(q.Choices, again.Steps[0].Question.Choices) {
			t.Errorf("seed %d: %q, then %q", seed, trace.Source, again.Source)
		}
		x := strings.TrimSuffix(strings.TrimPrefix(trace.Source[0], "let x = "), ";")
		seen[x] = true
		if len(q.Choices) != 3 || q.Choices[q.Answer] != x || q.Why != "it is "+x {
			t.Errorf("seed %d, x = %s: %+v", seed, x, q)
		}
	}
	if len(seen) != 3 || !seen["10"] || !seen["20"] || !seen["30"] {
		t.Errorf("60 seeds give %v, want 10, 20 and 30", seen)
	}
}

// TestNumbersByName: a name that begins with another one's is not taken for that.
func TestNumbersByName(t *testing.T) {
	for range 20 {
		trace := playScenario(t, &Scenario{
			Source:  "let $n = $name;\n",
			Numbers: []Number{{Name: "n", Lesson: 1}, {Name: "name", Lesson: 2}},
			Run:     func(m *Machine) { m.Step(1, "", "") },
		}, Options{})
		if got := trace.Source[0]; got != "let 1 = 2;" {
			t.Fatal(got)
		}
	}
}

// TestPointers: references and raw pointers read and write what they point to, in
// whichever frame or block.
func TestPointers(t *testing.T) {
	trace := play(t, func(m *Machine) {
		x, b := Let("x", rust.I32), Let("b", rust.Box(rust.I32))
		m.Call("main", x, b)
		m.Set(x, 5)
		m.BoxNew(b, 42)
		p, q, y := ArgBorrow("p", rust.RefMut(rust.I32), x), Let("q", rust.Raw(rust.I32)), Let("y", rust.I32)
		m.Call("change", p, q, y)
		m.AsPtr(q, b)
		m.Read(y, q, 0)
		m.Write(p, 0, 9)
		m.Write(q, 0, 43)
		m.Step(1, "written", m.Pointee(p)+" "+m.Pointee(q))
		m.Return()
		m.Step(1, "returned", m.Value(x)+" "+m.Value(b))
	})
	first, last := trace.Steps[0], trace.Steps[1]
	if first.Text != "9 43" || last.Text != "9 43" {
		t.Errorf("through the pointers %q, in the variables %q; want 9 43", first.Text, last.Text)
	}
	main, change := first.Frames[0], first.Frames[1]
	if to := change.Vars[0].PointsTo; to == nil || *to != main.Vars[0].Addr {
		t.Errorf("p points to %v, x is at %v", to, main.Vars[0].Addr)
	}
	if to := change.Vars[1].PointsTo; to == nil || *to != first.Heap.Blocks[0].Addr {
		t.Errorf("q points to %v, the block is at %v", to, first.Heap.Blocks[0].Addr)
	}
	if y := change.Vars[2].Value; y != "42" {
		t.Errorf("y is %s, want what the block held before", y)
	}
}

// TestPopped: a frame that was popped is still to be seen until another one is
// pushed over it.
func TestPopped(t *testing.T) {
	trace := play(t, func(m *Machine) {
		m.Call("main")
		k, s := Let("k", rust.I32), Let("s", rust.String)
		m.Call("bar", k, s)
		m.Set(k, 20)
		m.StringFrom(s, "hi")
		m.Return()
		m.Step(1, "returned", "bar")
		m.Call("baz", Let("n", rust.U8))
		m.Step(1, "called", "baz")
	})
	popped := trace.Steps[0].Popped
	if len(popped) != 1 || popped[0].Name != "bar" || popped[0].End != trace.Steps[0].SP {
		t.Fatalf("popped: %+v, sp %v", popped, trace.Steps[0].SP)
	}
	for i, want := range []string{"20", "?"} {
		if v := popped[0].Vars[i]; v.State != Popped || v.Value != want {
			t.Errorf("%s is %s, %s; want what is left, %s", v.Name, v.Value, v.State, want)
		}
	}
	if trace.Steps[1].Popped != nil {
		t.Errorf("overwritten and still shown: %+v", trace.Steps[1].Popped)
	}
}

// TestRecurse: as many frames as the stack has room for, and a fault in the guard
// page below it.
func TestRecurse(t *testing.T) {
	var calls int
	var fault addr.Addr
	trace := play(t, func(m *Machine) {
		m.Call("main")
		kilobyte := rust.Array(rust.U8, 1000)
		calls, fault = m.Recurse(func(n int) {
			depth, room := ArgValue("depth", rust.U32, n), Let("room", kilobyte)
			m.Call("dive", depth, room)
			m.Zero(room)
		})
		m.Step(1, "overflow", "there is no room for another frame")
	})
	step := trace.Steps[0]
	if want := int(trace.Memory.Stack.Size() / 1008); calls != want {
		t.Errorf("%d calls of 1008 bytes on a stack of %d, want %d", calls, trace.Memory.Stack.Size(), want)
	}
	if guard := addr.Span(trace.Memory.Stack.Lo-addr.Addr(trace.PageSize), trace.PageSize); !guard.Contains(fault) {
		t.Errorf("the fault is at %v, the guard page at %v", fault, guard)
	}
	if len(step.Frames) != 6 || step.Frames[3].Calls != calls-4 || step.Frames[3].End != step.Frames[2].Start || step.Frames[3].Start != step.Frames[4].End {
		t.Errorf("%d frames: %+v", len(step.Frames), step.Frames[min(3, len(step.Frames)-1)])
	}
	if last := step.Frames[5]; !last.Active || last.Vars[0].Value != fmt.Sprint(calls) || last.Start != step.SP {
		t.Errorf("the last frame: active %v, depth %s, at %v; sp %v", last.Active, last.Vars[0].Value, last.Start, step.SP)
	}
	var call Event
	for _, e := range step.Events {
		if e.Kind == EventCall && e.Times > 0 {
			call = e
		}
	}
	if call.Times != calls || call.Size != addr.Bytes(calls)*1008 || call.Addr != step.SP || step.Events[len(step.Events)-1].Kind != EventFault {
		t.Errorf("events: %+v", step.Events)
	}
	if step.Kernel.Resident != 0 && step.Kernel.Resident < int64(trace.Memory.Stack.Size())*9/10 {
		t.Errorf("%d bytes became resident of a stack of %d", step.Kernel.Resident, trace.Memory.Stack.Size())
	}
}

// TestThreads: what is done on a worker is done by another thread of the system's,
// on a stack of its own, which ends with it.
func TestThreads(t *testing.T) {
	var id, main, worker int
	var gone string
	var stack addr.Range
	trace := play(t, func(m *Machine) {
		p := Let("p", rust.Raw(rust.I32))
		m.Call("main", p)
		w := m.Spawn("worker")
		id, main = m.ThreadID(), unix.Gettid()
		x := Let("x", rust.I32)
		m.On(w, func() {
			worker, stack = unix.Gettid(), m.Stack()
			if m.ThreadID() != worker {
				t.Errorf("the worker is thread %d, and says that it is %d", worker, m.ThreadID())
			}
			m.Call("run", x)
			m.Set(x, 7)
		})
		m.Borrow(p, x)
		m.Step(1, "both", m.Pointee(p))
		m.On(w, m.Return)
		m.Join(w)
		m.Step(1, "joined", "")
		gone = m.Pointee(p)
	})
	if id == worker || id != main {
		t.Errorf("main is thread %d, the worker %d; the machine says that main is %d", main, worker, id)
	}
	both, joined := trace.Steps[0], trace.Steps[1]
	if len(both.Threads) != 2 || both.Threads[1].ID != worker || both.Threads[1].Stack != stack || stack.Size() != threadStack {
		t.Errorf("threads: %+v", both.Threads)
	}
	if len(both.Frames) != 2 || both.Frames[1].Thread != "worker" || !stack.Contains(both.Frames[1].Start) || both.Frames[1].Active || !both.Frames[0].Active {
		t.Errorf("frames: %+v", both.Frames)
	}
	if to := both.Frames[0].Vars[0].PointsTo; both.Text != "7" || to == nil || *to != both.Frames[1].Vars[0].Addr {
		t.Errorf("p reads %q, points to %v", both.Text, to)
	}
	if joined.Threads != nil || joined.Frames[0].Vars[0].PointsTo != nil || !strings.HasPrefix(gone, "nothing: ") {
		t.Errorf("after the join: %+v; p reads %q", joined.Threads, gone)
	}
	maps, err := layout.Read(0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range maps {
		if m.Covers(stack) && m.Perms.String() == "---p" {
			t.Errorf("the worker's stack is still mapped: %v", m)
		}
	}
}

// TestWorkersEndWithTheRun: also where the program ends with an error while they wait.
func TestWorkersEndWithTheRun(t *testing.T) {
	var w *Worker
	_, err := Run(&Scenario{Name: "abort", Source: "fn main() {}\n", Run: func(m *Machine) {
		m.Call("main")
		w = m.Spawn("worker")
		m.On(w, func() {
			x := Let("x", rust.U8)
			m.Call("run", x)
			m.Set(x, 255)
			m.Add(x, x, x)
		})
	}}, Options{})
	if err == nil || !strings.Contains(err.Error(), errOverflow.Error()) {
		t.Errorf("the run ended with %v", err)
	}
	if w.work != nil || w.region.Range() != (addr.Range{}) {
		t.Errorf("the worker goes on, at %v", w.region.Range())
	}
}

// TestRush: two threads at once in one heap never get the same bytes.
func TestRush(t *testing.T) {
	trace := play(t, func(m *Machine) {
		m.Call("main")
		if made, spoilt := m.Rush(2000, 40, m.Spawn("a"), m.Spawn("b")); made != 4000 || spoilt != 0 {
			t.Errorf("of %d blocks, %d marks were overwritten", made, spoilt)
		}
		if stats := m.HeapStats(); stats.Used != 0 {
			t.Errorf("%d blocks are left", stats.Used)
		}
		m.Step(1, "done", "")
		v := Let("v", rust.Vec(rust.U8))
		m.Call("zeros", v)
		m.VecZeroed(v, 4)
		m.Step(2, "zeros where marks were", m.Value(v))
	})
	step, heap := trace.Steps[0], trace.Memory.Heap
	for i, want := range []Event{
		{Kind: EventGrow, Addr: heap.Lo, Size: trace.PageSize},
		{Kind: EventAlloc, Addr: heap.Lo, Size: 4000 * 40, Times: 4000},
		{Kind: EventFree, Addr: heap.Lo, Size: 4000 * 40, Times: 4000},
	} {
		if got := step.Events[len(step.Events)-3+i]; !reflect.DeepEqual(got, want) {
			t.Errorf("event %d is %+v, want %+v", i, got, want)
		}
	}
	if k := step.Kernel; k.Resident != 0 && (k.Faults != 1 || k.Resident != int64(trace.PageSize)) {
		t.Errorf("the first touch of the heap: %+v", k)
	}
	if zeros := trace.Steps[1].Text; zeros != "[0, 0, 0, 0]" {
		t.Errorf("zeros are %s", zeros)
	}
}

// TestVecZeroed: pages that nobody had are not touched, bytes that somebody had are
// zeros again.
func TestVecZeroed(t *testing.T) {
	trace := play(t, func(m *Machine) {
		v, page := Let("v", rust.Vec(rust.U8)), m.PageSize()
		m.Call("main", v)
		m.VecZeroed(v, 4*page)
		m.Step(1, "reserved", "")
		m.SetElem(v, 2*page, 1)
		m.Step(1, "touched", "")
		m.SetElem(v, 5, 9)
		m.DropLocals()
		m.VecZeroed(v, page)
		m.Step(1, "again", "")
	})
	if trace.Steps[0].Heap.Blocks[0].Touched == nil {
		t.Skip("the kernel does not tell which pages are resident")
	}
	if got := fmt.Sprint(trace.Steps[0].Heap.Blocks[0].Touched, trace.Steps[1].Heap.Blocks[0].Touched); got != "[false false false false] [false false true false]" {
		t.Errorf("touched: %s", got)
	}
	if k := trace.Steps[1].Kernel; k.Resident != int64(trace.PageSize) {
		t.Errorf("one page touched: %+v", k)
	}
	for _, b := range trace.Steps[2].Heap.Blocks[0].Bytes {
		if b != 0 {
			t.Fatal("the second block is not all zeros")
		}
	}
}

// TestRefusedFree: what the heap refuses to free is an event and an error, and the
// program goes on.
func TestRefusedFree(t *testing.T) {
	trace := play(t, func(m *Machine) {
		p := Let("p", rust.Raw(rust.U8))
		m.Call("main", p)
		m.Alloc(p, 5)
		if err := m.Free(p); err != nil {
			t.Error(err)
		}
		if err := m.Free(p); err == nil {
			t.Error("a second free of the same block is done")
		}
		m.Step(1, "freed twice", "")
	})
	events := trace.Steps[0].Events
	if last := events[len(events)-1]; last.Kind != EventRefused || last.Addr != trace.Memory.Heap.Lo {
		t.Errorf("the last event is %+v", last)
	}
}

// TestLandmark: an object of memprobe's own is read where it lies.
func TestLandmark(t *testing.T) {
	trace := play(t, func(m *Machine) {
		b := Let("b", rust.Box(rust.U32))
		m.Call("main", b)
		m.BoxNew(b, 0x01020304)
		m.Landmark(layout.SegmentHeap, "the block", m.Block(b).Addr, 4)
		m.Fact("pages", "1", "the kernel")
		m.Step(1, "seen", "")
		m.Step(1, "no more", "")
	})
	marks := trace.Steps[0].Landmarks
	if len(marks) != 1 || string(marks[0].Bytes) != "\x04\x03\x02\x01" || !strings.Contains(marks[0].Mapping, "rw-p") {
		t.Errorf("landmarks: %+v", marks)
	}
	if len(trace.Steps[0].Facts) != 1 || trace.Steps[1].Facts != nil || trace.Steps[1].Landmarks != nil {
		t.Errorf("what was said of one step is said of the next: %+v", trace.Steps[1])
	}
}

// TestAPlaceOfItsOwnAgain: memory that goes back to the kernel with a thread is
// untouched again where the next one gets it.
func TestAPlaceOfItsOwnAgain(t *testing.T) {
	var places []addr.Range
	trace := playScenario(t, &Scenario{Run: func(m *Machine) {
		m.Call("main")
		for range 2 {
			w, x := m.Spawn("worker"), Let("x", rust.I32)
			m.On(w, func() {
				places = append(places, m.Stack())
				m.Call("run", x)
				m.Set(x, 7)
			})
			m.Step(1, "x is set", "")
			m.On(w, m.Return)
			m.Join(w)
		}
		m.Return()
	}}, Options{Base: 0x20_0000_0000})
	if gap := places[0].Lo.Sub(trace.Memory.End); places[0] != places[1] || gap > 16<<20 {
		t.Fatalf("the stacks are at %v and %v, the program's memory ends at %v", places[0], places[1], trace.Memory.End)
	}
	for _, s := range trace.Steps {
		if s.Kernel.Resident != 0 && s.Kernel.Faults != 1 { // an emulator's are others
			t.Errorf("step %d: %d page faults, want that of the stack's first page", s.N, s.Kernel.Faults)
		}
	}
}

// TestFaultsAreTheKernels: a page that somebody else has touched meanwhile costs the
// program no fault, though it is its own first touch.
func TestFaultsAreTheKernels(t *testing.T) {
	var x *Local
	trace := playScenario(t, &Scenario{Run: func(m *Machine) {
		x = Let("x", rust.I32)
		m.Call("main", x)
		m.Step(1, "nothing is touched yet", "")
		m.Set(x, 5)
		m.Step(1, "x is set", m.Value(x))
		m.Return()
	}}, Options{PauseAt: 1, Pause: func(m *Machine) error { return m.region.Store(x.at, []byte{7}) }})
	if trace.Steps[1].Kernel.Resident == 0 {
		t.Skip("this kernel does not tell which pages are resident, or an emulator answers in its place")
	}
	if last := trace.Steps[2]; last.Text != "5" || last.Kernel.Faults != 0 {
		t.Errorf("x is %s, with %d page faults", last.Text, last.Kernel.Faults)
	}
}
