package probe

import (
	"strings"
	"testing"

	"memprobe/layout"
	"memprobe/probe/rust"
)

// TestArgPlus: a parameter gets a variable plus a number, read at the call; a sum that
// has no room ends the program.
func TestArgPlus(t *testing.T) {
	trace := play(t, func(m *Machine) {
		x := Let("x", rust.I32)
		m.Call("main", x)
		m.Set(x, -5)
		m.Call("f", ArgPlus("n", x, 7))
		m.Step(1, "", "")
	})
	if got := trace.Steps[0].Frames[1].Vars[0]; got.Value != "2" || got.Type != "i32" || got.State != Live {
		t.Errorf("-5 + 7 gives %+v", got)
	}
	_, err := Run(&Scenario{Name: "test", Run: func(m *Machine) {
		x := Let("x", rust.U8)
		m.Call("main", x)
		m.Set(x, 250)
		m.Call("f", ArgPlus("n", x, 6))
	}}, Options{})
	if err == nil || !strings.Contains(err.Error(), "pass x + 6: attempt to add with overflow") {
		t.Errorf("250 + 6 in a u8 gives %v", err)
	}
}

// TestFreeSpaceIsNotRead: a landmark for free space has a size and no bytes, whatever
// is mapped there.
func TestFreeSpaceIsNotRead(t *testing.T) {
	trace := play(t, func(m *Machine) {
		m.Landmark(layout.SegmentFree, "nothing", 0x10, 64)
		m.Step(1, "", "")
	})
	if got := trace.Steps[0].Landmarks[0]; got.Size != 64 || len(got.Bytes) != 0 || got.Mapping != "" {
		t.Errorf("free space is shown as %+v", got)
	}
}
