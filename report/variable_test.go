package report

import (
	"slices"
	"strings"
	"testing"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// TestInBrief: a variable that nobody may use has a row, with the address that still stands
// in it, but for the step in which it became so, or in which its bytes changed.
func TestInBrief(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		a, b := probe.Let("a", rust.String), probe.Let("b", rust.String)
		m.Call("main", a, b)
		m.Step(1, "nothing set", "")
		m.StringFrom(a, "hi")
		m.Step(1, "a set", "")
		m.Assign(b, a)
		m.Step(1, "moved", "")
		m.PushStr(b, "gh")
		m.Step(1, "later", "")
		c := probe.Let("c", rust.String)
		m.Call("f", c)
		m.StringFrom(c, "sea")
		m.Return()
		m.Step(1, "popped", "")
		m.Step(1, "popped earlier", "")
	})
	rowsOfFields := func(n int, want int) {
		t.Helper()
		if got := strings.Count(rowsOf(t, trace, n), "+8  ptr"); got != want {
			t.Errorf("step %d has %d variables with rows for their fields, want %d:\n%s", n, got, want, rowsOf(t, trace, n))
		}
	}
	rowsOfFields(1, 2)
	rowsOfFields(2, 1)
	rowsOfFields(3, 2)
	rowsOfFields(4, 1)
	rowsOfFields(5, 2)
	rowsOfFields(6, 1)
	has(t, rowsOf(t, trace, 6), "╎ c: String", "ptr 0x1000001010")
	has(t, rowsOf(t, trace, 4), "a: String  0x10008fffd0  24 bytes  ptr 0x1000001000 ", " moved earlier │")
	trace.Steps[3].Frames[0].Vars[0].Bytes = slices.Clone(trace.Steps[3].Frames[0].Vars[0].Bytes)
	trace.Steps[3].Frames[0].Vars[0].Bytes[0]++
	rowsOfFields(4, 2)
}

// TestBehind: a handle whose block changed, and not the handle, says so.
func TestBehind(t *testing.T) {
	trace := ran(t, probe.ViewBlocks, func(m *probe.Machine) {
		v := probe.Let("v", rust.Vec(rust.U8))
		m.Call("main", v)
		m.VecZeroed(v, 3)
		m.Step(1, "zeros", "")
		m.SetElem(v, 1, 7)
		m.Step(1, "a seven", "")
		m.VecPush(v, 8)
		m.Step(1, "pushed", "")
	})
	has(t, rowsOf(t, trace, 2), "owns [0, 7, 0]", "block changed │")
	has(t, rowsOf(t, trace, 3), "owns [0, 7, 0, 8]", " changed │")
	hasNot(t, rowsOf(t, trace, 3), "block changed")
}
