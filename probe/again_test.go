package probe

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"memprobe/layout"
	"memprobe/layout/addr"
	"memprobe/probe/rust"
)

// TestLandmarkAgain: a step that is taken again has a landmark's bytes as they are
// then, and the step before the hold keeps those of its time.
func TestLandmarkAgain(t *testing.T) {
	x := Let("x", rust.I32)
	s := &Scenario{Run: func(m *Machine) {
		m.Call("main", x)
		m.Set(x, 5)
		m.Landmark(layout.SegmentStack, "x", m.Addr(x), rust.I32.Size())
		m.Step(1, "x has a value", "")
		m.Return()
	}}
	trace := playScenario(t, s, Options{PauseAt: 1, Pause: func(m *Machine) error {
		return m.region.Store(x.at, []byte{7})
	}})
	if before, again := trace.Steps[0].Landmarks[0].Bytes[0], trace.Steps[1].Landmarks[0].Bytes[0]; before != 5 || again != 7 {
		t.Errorf("before the hold %d, again %d; want 5 and 7", before, again)
	}
}

// TestPokedHandle: a program whose handle was overwritten while it was held says why it
// can't go on, and the step taken again shows what stands there.
func TestPokedHandle(t *testing.T) {
	const top = ^uint64(0)
	for _, tt := range []struct {
		name               string
		capacity, ptr, len uint64
		value, why         string
	}{
		{"at the end of the address space", 4, top - 7, 4, "unreadable: nothing of ours at 0xfffffffffffffff8", "resize 0xfffffffffffffff8: outside the heap"},
		{"past the end of the address space", 4, top, 4, "unreadable: nothing of ours at 0xffffffffffffffff", "resize 0xffffffffffffffff: outside the heap"},
		{"empty, in the last page", 0, top - 2, 0, "[]", "<nil>"},
		{"as long as can be", top, 4, top, "unreadable: nothing of ours at 0x4", "grow v to 18446744073709551614 elements: capacity overflow"},
		{"more than isize::MAX bytes", 1 << 62, 4, 1 << 62, "unreadable: nothing of ours at 0x4", "grow v to 9223372036854775808 elements: capacity overflow"},
	} {
		v := Let("v", rust.Vec(rust.I32))
		trace, err := Run(&Scenario{Name: "poked", Source: "fn main() {}\n", Run: func(m *Machine) {
			m.Call("main", v)
			m.VecNew(v)
			m.Step(1, "v is empty", "")
			m.VecPush(v, 5)
			m.Return()
		}}, Options{PauseAt: 1, Pause: func(m *Machine) error {
			return m.region.Store(v.at, v.typ.(rust.Buffer).Join(addr.Bytes(tt.capacity), addr.Addr(tt.ptr), addr.Bytes(tt.len)))
		}})
		if got := trace.Steps[1].Frames[0].Vars[0].Value; got != tt.value {
			t.Errorf("%s: v is %s, want %s", tt.name, got, tt.value)
		}
		if said := fmt.Sprint(err); !strings.Contains(said, tt.why) {
			t.Errorf("%s: the program ends with %s, want %s", tt.name, said, tt.why)
		}
	}
}

// TestNoMappingTwice: the kernel makes one mapping of the guards of regions side by
// side; the trace has its line once.
func TestNoMappingTwice(t *testing.T) {
	s := &Scenario{Run: func(m *Machine) {
		m.Call("main")
		a, b := m.Spawn("a"), m.Spawn("b")
		m.Step(1, "two threads besides the first", "")
		m.Join(a)
		m.Join(b)
		m.Return()
	}}
	playScenario(t, s, Options{PauseAt: 1, Pause: func(m *Machine) error {
		maps := slices.Clone(m.Trace().Memory.Maps)
		slices.Sort(maps)
		if n := len(slices.Compact(slices.Clone(maps))); n != len(maps) {
			t.Errorf("%d lines, %d of them different: %q", len(maps), n, maps)
		}
		return nil
	}})
}
