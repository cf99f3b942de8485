package probe

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/rust"
)

// play runs a program as a scenario of its own.
func play(t *testing.T, program func(*Machine)) *Trace {
	t.Helper()
	trace, err := Run(&Scenario{Name: "test", Source: "fn main() {\n}\n", Run: program}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// story is what a trace tells, without its addresses: the variables of each step
// with value and state, the used blocks with owner and bytes, and the events.
func story(trace *Trace) string {
	var b strings.Builder
	for _, s := range trace.Steps {
		fmt.Fprintf(&b, "step %d\n", s.N)
		for _, f := range s.Frames {
			fmt.Fprintf(&b, "  %s:", f.Name)
			for _, v := range f.Vars {
				fmt.Fprintf(&b, " %s=%s", v.Name, v.Value)
				if v.State != Live {
					fmt.Fprintf(&b, "(%s)", v.State)
				}
			}
			b.WriteString("\n")
		}
		for _, block := range s.Heap.Blocks {
			if block.State == BlockUsed {
				fmt.Fprintf(&b, "  +%#x: %d of %d, %q, %q\n", uint64(block.Addr.Sub(trace.Memory.Heap.Lo)), block.Requested, block.Size, block.Owner, string(block.Bytes))
			}
		}
		b.WriteString("  ")
		for i, e := range s.Events {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s %d", e.Kind, e.Size)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func compare(t *testing.T, trace *Trace, want string) {
	t.Helper()
	if got := strings.TrimSpace(story(trace)); got != strings.TrimSpace(want) {
		t.Errorf("the run went\n%s\nwant\n%s", got, strings.TrimSpace(want))
	}
}

func TestStringGrowsAndMoves(t *testing.T) {
	page := os.Getpagesize()
	compare(t, play(t, func(m *Machine) {
		name, other := Let("name", rust.String), Let("other", rust.String)
		m.Call("main", name, other)
		m.StringFrom(name, "Hello")
		m.StringFrom(other, "") // no block
		m.PushStr(name, ", world!")
		m.Step(1, "", "")
		m.PushStr(name, "!")
		m.PushStr(other, "x")
		m.Step(1, "", "")
		m.Assign(other, name) // leaks other's block: an assignment that drops is a scenario's own business
		m.Step(1, "", "")
		m.Return()
	}), fmt.Sprintf(`
step 1
  main: name="Hello, world!" other=""
  +0x0: 13 of 16, "main.name", "Hello, world!"
  grow %d, call 48, grow %d, alloc 5, store 5, store 24, store 24, resize 13, store 8, store 24
step 2
  main: name="Hello, world!!" other="x"
  +0x0: 26 of 32, "main.name", "Hello, world!!\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
  +0x20: 8 of 16, "main.other", "x\x00\x00\x00\x00\x00\x00\x00"
  resize 26, store 1, store 24, alloc 8, store 1, store 24
step 3
  main: name=?(moved) other="Hello, world!!"
  +0x0: 26 of 32, "main.other", "Hello, world!!\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
  +0x20: 8 of 16, "", "x\x00\x00\x00\x00\x00\x00\x00"
  move 24`, page, page))
}

func TestVecGrows(t *testing.T) {
	trace := play(t, func(m *Machine) {
		v := Let("v", rust.Vec(rust.I32))
		m.Call("main", v)
		m.VecNew(v)
		m.Step(1, "", "")
		for i := range 9 {
			m.VecPush(v, i)
			m.Step(1, "", "")
		}
		m.Return()
	})
	var capacities []string
	for _, s := range trace.Steps {
		capacities = append(capacities, s.Frames[0].Vars[0].Fields[0].Value)
	}
	if got, want := strings.Join(capacities, " "), "0 4 4 4 4 8 8 8 8 16"; got != want {
		t.Errorf("capacities are %s, want %s", got, want)
	}
	if got := trace.Steps[9].Frames[0].Vars[0].Value; got != "[0, 1, 2, 3, 4, 5, 6, 7, 8]" {
		t.Errorf("v is %s", got)
	}
}

func TestCallCopiesAndMoves(t *testing.T) {
	compare(t, play(t, func(m *Machine) {
		x, s, back := Let("x", rust.I32), Let("s", rust.String), Let("back", rust.String)
		m.Call("main", x, s, back)
		m.Set(x, -7)
		m.StringFrom(s, "hi")
		n, text := Arg("n", x), Arg("text", s)
		m.Call("f", n, text)
		m.Set(n, 8)
		m.Step(1, "", "")
		m.ReturnTo(back, text)
		m.Step(1, "", "")
		m.DropLocals()
		m.Step(1, "", "")
		m.Return()
	}), fmt.Sprintf(`
step 1
  main: x=-7 s=?(moved) back=?(uninitialised)
  f: n=8 text="hi"
  +0x0: 2 of 16, "f.text", "hi"
  grow %[1]d, call 64, store 4, grow %[1]d, alloc 2, store 2, store 24, call 32, copy 4, move 24, store 4
step 2
  main: x=-7 s=?(moved) back="hi"
  +0x0: 2 of 16, "main.back", "hi"
  return 32, move 24
step 3
  main: x=-7 s=?(moved) back=?(dropped)
  drop 24, free 2`, os.Getpagesize()))
}

// TestDropOrder: variables last first; what is in a block before the block; a
// moved value is not dropped.
func TestDropOrder(t *testing.T) {
	trace := play(t, func(m *Machine) {
		names, boxed, moved, target := Let("names", rust.Vec(rust.String)), Let("boxed", rust.Box(rust.I64)), Let("moved", rust.String), Let("target", rust.String)
		m.Call("main", names, boxed, moved, target)
		m.StringFrom(moved, "away")
		m.Assign(target, moved)
		m.BoxNew(boxed, 1)
		// A Vec<String> is put together by hand: its elements are no Go values.
		block := m.alloc(48)
		typ := names.typ.(rust.Buffer)
		for i := range addr.Bytes(2) {
			text := m.alloc(3)
			m.store(text, []byte("abc"))
			m.store(block.Offset(24*i), rust.String.Join(3, text, 3))
		}
		m.put(names, typ.Join(2, block, 2))
		m.Step(1, "", "")
		m.DropLocals()
		m.Step(1, "", "")
		m.Return()
	})
	first := trace.Steps[0]
	if got := first.Frames[0].Vars[0].Value; got != `["abc", "abc"]` {
		t.Errorf("names is %s", got)
	}
	var owners, order []string
	byAddr := map[addr.Addr]string{}
	for _, b := range first.Heap.Blocks {
		if b.State == BlockUsed {
			owners = append(owners, b.Owner)
			byAddr[b.Addr] = b.Owner
		}
	}
	for _, e := range trace.Steps[1].Events {
		if e.Kind == EventFree {
			order = append(order, byAddr[e.Addr])
		}
	}
	if got, want := strings.Join(owners, " "), "main.target main.boxed main.names main.names[0] main.names[1]"; got != want {
		t.Errorf("blocks by address are owned by %s, want %s", got, want)
	}
	if got, want := strings.Join(order, " "), "main.target main.boxed main.names[0] main.names[1] main.names"; got != want {
		t.Errorf("blocks are freed in the order %s, want %s", got, want)
	}
}

// TestEveryPrimitive: locals of every type lie as rustc places them: the last one
// highest, each aligned.
func TestEveryPrimitive(t *testing.T) {
	point := rust.Struct("Point3D", rust.Field{Name: "x", Type: rust.F64}, rust.Field{Name: "y", Type: rust.F64}, rust.Field{Name: "z", Type: rust.F64})
	locals := []struct {
		v     *Local
		value any
		want  string
	}{
		{Let("a", rust.I8), -1, "-1"}, {Let("b", rust.I16), -2, "-2"}, {Let("c", rust.I32), -3, "-3"}, {Let("d", rust.I64), -4, "-4"},
		{Let("e", rust.I128), -5, "-5"}, {Let("f", rust.Isize), -6, "-6"}, {Let("g", rust.U8), 1, "1"}, {Let("h", rust.U16), 2, "2"},
		{Let("i", rust.U32), 3, "3"}, {Let("j", rust.U64), 4, "4"}, {Let("k", rust.U128), 5, "5"}, {Let("l", rust.Usize), 6, "6"},
		{Let("m", rust.F32), 1.5, "1.5"}, {Let("n", rust.F64), 3.14159, "3.14159"}, {Let("o", rust.Bool), true, "true"}, {Let("p", rust.Char), 'é', "'é'"},
		{Let("q", rust.Tuple(rust.F64, rust.F64)), []any{1.0, 2.0}, "(1.0, 2.0)"}, {Let("r", rust.Array(rust.I32, 3)), []any{1, 2, 3}, "[1, 2, 3]"},
		{Let("s", point), []any{0.0, 0.5, 1.0}, "Point3D { x: 0.0, y: 0.5, z: 1.0 }"}, {Let("t", rust.Tuple()), []any{}, "()"},
	}
	trace := play(t, func(m *Machine) {
		var vars []*Local
		for _, l := range locals {
			vars = append(vars, l.v)
		}
		m.Call("main", vars...)
		for _, l := range locals {
			m.Set(l.v, l.value)
		}
		m.Step(1, "", "")
		m.Return()
	})
	f := trace.Steps[0].Frames[0]
	below := f.End
	used := addr.Bytes(0)
	for i := len(locals) - 1; i >= 0; i-- {
		v := f.Vars[i]
		if v.Value != locals[i].want {
			t.Errorf("%s: %s is %s, want %s", v.Name, v.Type, v.Value, locals[i].want)
		}
		if want := (below - addr.Addr(v.Size)).AlignDown(v.Align); v.Addr != want {
			t.Errorf("%s: %s lies at %v, rustc has it at %v", v.Name, v.Type, v.Addr, want)
		}
		below = v.Addr
		used += v.Size
	}
	if f.Padding != f.End.Sub(f.Start)-used || !f.Start.Aligned(16) {
		t.Errorf("a frame of %v has %d bytes of padding with %d in variables", f.End.Sub(f.Start), f.Padding, used)
	}
}

// TestTheLessonsFrame: the nine variables of the first lesson lie where rustc
// 1.95 puts them, counted from the first.
func TestTheLessonsFrame(t *testing.T) {
	point := rust.Struct("Point3D", rust.Field{Name: "x", Type: rust.F64}, rust.Field{Name: "y", Type: rust.F64}, rust.Field{Name: "z", Type: rust.F64})
	trace := play(t, func(m *Machine) {
		m.Call("main", Let("x", rust.I32), Let("y", rust.U64), Let("pi", rust.F64), Let("active", rust.Bool),
			Let("point", rust.Tuple(rust.F64, rust.F64)), Let("matrix", rust.Array(rust.I32, 9)), Let("origin", point))
		m.Step(1, "", "")
		m.Return()
	})
	var got []string
	vars := trace.Steps[0].Frames[0].Vars
	for _, v := range vars {
		got = append(got, fmt.Sprintf("%s+%d", v.Name, v.Addr.Sub(vars[0].Addr)))
	}
	// As printed by a program with {:p}: x 0x..3fc, y ..400, pi ..408, active ..417,
	// point ..418, matrix ..42c, origin ..450.
	if want := "x+0 y+4 pi+12 active+27 point+28 matrix+48 origin+84"; strings.Join(got, " ") != want {
		t.Errorf("the variables lie at %s, rustc has %s", strings.Join(got, " "), want)
	}
}

func TestAddOverflows(t *testing.T) {
	_, err := Run(&Scenario{Name: "sum", Run: func(m *Machine) {
		a, sum := Let("a", rust.I32), Let("sum", rust.I32)
		m.Call("main", a, sum)
		m.Set(a, 1<<31-1)
		m.Step(1, "", "")
		m.Add(sum, a, a)
		m.Step(1, "", "")
	}}, Options{})
	if err == nil || err.Error() != "scenario sum, after step 1: sum = a + a: attempt to add with overflow" {
		t.Errorf("i32::MAX + i32::MAX gives %v", err)
	}
}

// TestStackOverflow: a recursion without end ends at the guard page, with its
// address in the error and in the trace's last event.
func TestStackOverflow(t *testing.T) {
	trace, err := Run(&Scenario{Name: "deep", Source: "fn main() {\n}\n", Run: func(m *Machine) {
		m.Step(1, "", "")
		for {
			m.Call("again", Let("big", rust.Array(rust.U64, 1<<12)))
		}
	}}, Options{})
	if !errors.Is(err, mmapheap.ErrStackOverflow) {
		t.Fatalf("an endless recursion gives %v", err)
	}
	step := trace.Steps[len(trace.Steps)-1]
	last := step.Events[len(step.Events)-1]
	guard := addr.Range{Lo: trace.Memory.Stack.Lo - addr.Addr(trace.PageSize), Hi: trace.Memory.Stack.Lo}
	if last.Kind != EventFault || !guard.Contains(last.Addr) {
		t.Errorf("the last event is %+v, want a fault in the guard %v", last, guard)
	}
	if !strings.Contains(err.Error(), last.Addr.String()) {
		t.Errorf("%v does not name the fault's address %v", err, last.Addr)
	}
}

// TestLastPage: the pages of an access at the end of the address space are finite.
func TestLastPage(t *testing.T) {
	m := &Machine{trace: Trace{PageSize: 4096}}
	const top addr.Addr = 0xffff_ffff_ffff_fff0
	if got := m.pages(top, 8); len(got) != 1 || got[0] != top.AlignDown(4096) {
		t.Errorf("8 bytes at %v lie in the pages %v", top, got)
	}
}

// TestKernelCounts: the first touch of a page is a fault, and makes it resident.
func TestKernelCounts(t *testing.T) {
	trace := play(t, func(m *Machine) {
		x := Let("x", rust.U64)
		m.Call("main", x)
		m.Step(1, "", "")
		m.Set(x, 1)
		m.Step(1, "", "")
		m.Set(x, 2)
		m.Step(1, "", "")
		m.Return()
	})
	if k := trace.Steps[0].Kernel; k != (Kernel{}) {
		t.Errorf("a push alone gives %+v", k)
	}
	first := trace.Steps[1].Kernel
	if first.Resident == 0 {
		t.Skip("this kernel does not tell which pages are resident, or an emulator answers in its place")
	}
	if first.Faults != 1 || first.Resident != int64(os.Getpagesize()) {
		t.Errorf("the first store gives %+v, want one fault and a page", first)
	}
	if k := trace.Steps[2].Kernel; k != (Kernel{}) {
		t.Errorf("a second store gives %+v", k)
	}
	held, err := Run(&Scenario{Name: "look", Run: func(m *Machine) {
		m.Call("main", Let("x", rust.U64))
		m.Step(1, "", "")
		m.Return()
	}}, Options{PauseAt: 1, Pause: func(*Machine) error { return nil }})
	if err != nil || held.Steps[1].Kernel != (Kernel{}) {
		t.Errorf("looking at memory that nobody touched gives %+v, %v", held.Steps[1].Kernel, err)
	}
}

func TestHeapIsFull(t *testing.T) {
	_, err := Run(&Scenario{Name: "full", Run: func(m *Machine) {
		for {
			m.alloc(1 << 20)
		}
	}}, Options{})
	if !errors.Is(err, mmapheap.ErrNoSpace) {
		t.Errorf("allocating without end gives %v", err)
	}
}

func TestPause(t *testing.T) {
	program := func(m *Machine) {
		x := Let("x", rust.I32)
		m.Call("main", x)
		for i := range 3 {
			m.Set(x, i)
			m.Step(1, "", "")
		}
		m.Return()
	}
	for _, tt := range []struct {
		at   int
		want string
	}{{1, "1 1again 2 3"}, {2, "1 2 2again 3"}, {3, "1 2 3 3again"}, {0, "1 2 3 3again"}} {
		calls := 0
		trace, err := Run(&Scenario{Name: "count", Run: program}, Options{PauseAt: tt.at, Pause: func(m *Machine) error {
			calls++
			if len(m.Trace().Memory.Maps) == 0 {
				t.Error("the maps are not known at the pause")
			}
			return nil
		}})
		if err != nil || calls != 1 {
			t.Fatalf("pause at %d: %d calls, %v", tt.at, calls, err)
		}
		var got []string
		for _, s := range trace.Steps {
			n := fmt.Sprint(s.N)
			if len(s.Frames) != 1 || s.Frames[0].Vars[0].Value != fmt.Sprint(s.N-1) {
				t.Errorf("pause at %d: step %d has frames %+v", tt.at, s.N, s.Frames)
			}
			if s.Again {
				n += "again"
			}
			got = append(got, n)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("pause at %d gives steps %s, want %s", tt.at, strings.Join(got, " "), tt.want)
		}
	}
	for _, at := range []int{4, -1} {
		_, err := Run(&Scenario{Name: "count", Run: program}, Options{PauseAt: at, Pause: func(*Machine) error { return nil }})
		if noStep := new(StepError); !errors.As(err, &noStep) || err.Error() != fmt.Sprintf("scenario count has steps 1 to 3, not %d", at) {
			t.Errorf("pause at %d gives %v", at, err)
		}
	}
	stop := errors.New("stop")
	if _, err := Run(&Scenario{Name: "count", Run: program}, Options{Pause: func(*Machine) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("an error of the pause comes out as %v", err)
	}
}

// TestRunsLeaveNothing: after ten thousand runs mappings, descriptors and
// goroutines are no more than after the tenth. Go's runtime maps a little for itself now
// and then; whatever each run left would be there ten thousand times. What a test before
// this one has left may go meanwhile.
func TestRunsLeaveNothing(t *testing.T) {
	const runs, ofGo = 10000, 20
	var after10 resources
	for i := 1; i <= runs; i++ {
		play(t, func(m *Machine) {
			s := Let("s", rust.String)
			m.Call("main", s)
			m.StringFrom(s, "hello")
			m.Step(1, "", "")
			m.Return()
		})
		if i == 10 {
			after10 = inUse(t)
		}
	}
	now := inUse(t)
	if now.mappings > after10.mappings+ofGo {
		t.Errorf("after 10 runs there are %d mappings, after %d runs %d", after10.mappings, runs, now.mappings)
	}
	if now.descriptors > after10.descriptors || now.goroutines > after10.goroutines {
		t.Errorf("after 10 runs the process has %+v, after %d runs %+v", after10, runs, now)
	}
}

type resources struct{ mappings, descriptors, goroutines int }

func inUse(t *testing.T) resources {
	t.Helper()
	runtime.GC()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	mappings, err := layout.Read(0)
	if err != nil {
		t.Fatal(err)
	}
	return resources{len(mappings), len(fds), runtime.NumGoroutine()}
}
