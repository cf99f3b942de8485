package probe

import (
	"errors"
	"strings"
	"testing"

	"memprobe/layout/addr"
	"memprobe/probe/netted"
	"memprobe/probe/rust"
)

// TestOnCheckedHeap: the step has where the checked heap stopped the program, at the
// same addresses each time where the base is asked for.
func TestOnCheckedHeap(t *testing.T) {
	s := &Scenario{Name: "twice", Source: "fn main() {\n}\n", Run: func(m *Machine) {
		m.Call("main", Let("x", rust.I32))
		m.Step(1, "", "")
		m.OnCheckedHeap(func(p *netted.Program) {
			a := p.Line(1).Alloc("a", 16)
			p.Free(a)
			p.Line(2).Free(a)
		})
		m.Step(2, "", "")
		m.Step(2, "", "")
	}}
	trace := playScenario(t, s, Options{})
	stop := trace.Steps[1].Stopped
	if stop == nil || stop.Line != 2 || stop.Class != "double free" || trace.Steps[0].Stopped != nil || trace.Steps[2].Stopped != nil {
		t.Fatalf("step 2 has %+v", stop)
	}
	report := map[string]string{}
	for _, l := range stop.Report {
		report[l.Label] = l.Text
	}
	if report["allocated"] != "main, twice.rs:1" || report["here"] != "main, twice.rs:2" || !strings.Contains(report["block"], `"a", 16 bytes`) {
		t.Errorf("the report is %q", stop.Report)
	}
	// Right behind the memory of the first run something is mapped already, as a rule.
	for _, base := range []addr.Addr{trace.Memory.Base, 0x20_0000_0000} {
		playScenario(t, s, Options{Base: base})
	}
	free := Options{Base: 0x20_0000_0000}
	first, second := playScenario(t, s, free), playScenario(t, s, free)
	if a, b := first.Steps[1].Stopped, second.Steps[1].Stopped; a.Heap != b.Heap || a.Stack != b.Stack || a.Heap.Lo < first.Memory.End {
		t.Errorf("twice from %v: %v and %v, behind %v", free.Base, a, b, first.Memory.End)
	}

	s.Run = func(m *Machine) {
		m.OnCheckedHeap(func(p *netted.Program) { p.Free(p.Line(1).Alloc("a", 16)) })
	}
	if _, err := Run(s, Options{}); !errors.Is(err, netted.ErrNothing) {
		t.Errorf("a program without a mistake gives %v", err)
	}
}

// TestSetLen: what nobody wrote counts as elements.
func TestSetLen(t *testing.T) {
	trace := play(t, func(m *Machine) {
		old, fresh := Let("old", rust.String), Let("fresh", rust.String)
		m.Call("main", old, fresh)
		m.StringFrom(old, "left")
		m.Drop(old)
		m.VecWithCapacity(fresh, 4)
		m.Step(1, "", "")
		m.SetLen(fresh, 4)
		m.Step(1, "", "")
		m.Return()
	})
	if got := trace.Steps[0].Frames[0].Vars[1].Value + trace.Steps[1].Frames[0].Vars[1].Value; got != `"""left"` {
		t.Errorf("fresh is first and then %s", got)
	}
}

// TestFaults: they are told before the step that has them.
func TestFaults(t *testing.T) {
	told := []int{}
	trace := play(t, func(m *Machine) {
		x := Let("x", rust.U64)
		m.Call("main", x)
		for range 2 {
			m.Set(x, 1)
			told = append(told, m.Faults())
			m.Step(1, "", "")
		}
	})
	if told[0] < 1 || int64(told[0]) != trace.Steps[0].Kernel.Faults || int64(told[1]) != trace.Steps[1].Kernel.Faults {
		t.Errorf("told %v, the steps have %+v and %+v", told, trace.Steps[0].Kernel, trace.Steps[1].Kernel)
	}
}
