package report

import (
	"strings"
	"testing"

	"memprobe/probe"
	"memprobe/probe/rust"
)

// TestStrip: one cell a granule; what is new, freed and looked at is told apart.
func TestStrip(t *testing.T) {
	trace := ran(t, probe.ViewMap, func(m *probe.Machine) {
		a, b, c := probe.Let("a", rust.Raw(rust.U8)), probe.Let("b", rust.Raw(rust.U8)), probe.Let("c", rust.Raw(rust.U8))
		m.Call("main", a, b, c)
		m.Alloc(a, 32)
		m.Alloc(b, 48)
		m.Alloc(c, 16)
		m.Step(1, "three", "")
		if err := m.Free(a); err != nil {
			t.Fatal(err)
		}
		m.Step(1, "a hole", "")
		m.Search(40)
		m.Step(1, "a search", "")
		m.Alloc(a, 40)
		m.Step(1, "taken", "")
	})
	has(t, rowsOf(t, trace, 1), "HEAP, to scale, 0x1000001000 to 0x1000002000, 4 KiB", "0x1000001000 ++++++·····", "             a b  c\n", "0x1000001400 3,072 bytes more, all free\n")
	has(t, rowsOf(t, trace, 2), "0x1000001000 --███▓·····", "               b  c\n")
	has(t, rowsOf(t, trace, 3), "Numbers: where the search looked", "0x1000001000 ··███▓·····", "             1 b  c2\n",
		"looked at (2): fits", "looked at (1): too small by 8 bytes", "first fit looks for 40 bytes:", "1. 0x1000001000, 32 bytes: too small by 8 bytes")
	has(t, rowsOf(t, trace, 4), "0x1000001000 ··███▓+++", "             1 b  ca", "┌ block 0x1000001060", "new │", "looked at (2): fits, taken", "looked at (1): too small by 8 bytes")
	ascii := render(t, "text", ScenarioStep(trace, 2), Options{Width: 80, ASCII: true})
	has(t, ascii, "0x1000001000 --###%.....")
}

// TestStripToTheSearch: a row that is wholly free is drawn where a search looked there.
func TestStripToTheSearch(t *testing.T) {
	trace := ran(t, probe.ViewMap, func(m *probe.Machine) {
		a := probe.Let("a", rust.Raw(rust.U8))
		m.Call("main", a)
		m.Alloc(a, 1024)
		m.Step(1, "a row", "")
		m.Search(40)
		m.Step(1, "a search", "")
	})
	has(t, rowsOf(t, trace, 1), "0x1000001000 ++++", "0x1000001400 3,072 bytes more, all free\n")
	has(t, rowsOf(t, trace, 2), "0x1000001000 ████", "0x1000001400 ····", "\n              1\n", "0x1000001800 2,048 bytes more, all free\n")
}

// TestStripOfALargeHeap: a heap that is too large for a cell a granule is drawn as far
// as the run has it in use.
func TestStripOfALargeHeap(t *testing.T) {
	trace := fixed(t, &probe.Scenario{Name: "test", Source: "fn main() {\n}\n", View: probe.ViewMap, Run: func(m *probe.Machine) {
		a, b := probe.Let("a", rust.Raw(rust.U8)), probe.Let("b", rust.Raw(rust.U8))
		m.Call("main", a, b)
		m.Alloc(a, 16<<10)
		m.Alloc(b, 48<<10)
		m.Step(1, "two", "")
	}}, probe.Options{})
	has(t, rowsOf(t, trace, 1), "HEAP, to scale, 0x1000001000 to 0x1000011000, 64 KiB", "From there on it is free, up to 0x1004001000.",
		"A cell is 256 bytes", "0x1000001000 "+strings.Repeat("+", 64), "a", "0x1000005000 +", "b")
}
