package probe

import (
	"slices"
	"testing"

	"memprobe/layout/addr"
	"memprobe/probe/rust"
)

// TestDropNext: the last one declared first, and only what is live and owns blocks.
func TestDropNext(t *testing.T) {
	var names []string
	play(t, func(m *Machine) {
		a, n, b := Let("a", rust.Box(rust.I32)), Let("n", rust.I32), Let("b", rust.String)
		moved, unset := Let("moved", rust.Box(rust.I32)), Let("unset", rust.String)
		m.Call("main", a, n, b, moved, unset)
		m.Set(n, 1)
		m.BoxNew(moved, 2)
		m.Assign(a, moved)
		m.StringFrom(b, "text")
		for range 3 {
			names = append(names, m.DropNext())
		}
		if used := m.HeapStats().Used; used != 0 {
			t.Errorf("%d blocks are left", used)
		}
		m.Step(1, "end", "")
		m.Return()
	})
	if want := []string{"b", "a", ""}; !slices.Equal(names, want) {
		t.Errorf("dropped are %q, want %q", names, want)
	}
}

// TestFreeBlocks: the holes between blocks and the rest behind them; a block that
// moves as it grows is looked for among them.
func TestFreeBlocks(t *testing.T) {
	trace := play(t, func(m *Machine) {
		a, b, s := Let("a", rust.Box(rust.U64)), Let("b", rust.Box(rust.U64)), Let("s", rust.String)
		m.Call("main", a, b, s)
		m.BoxNew(a, 1)
		m.StringFrom(s, "text")
		m.BoxNew(b, 2)
		m.Drop(a)
		free, heap := m.FreeBlocks(), m.Trace().Memory.Heap
		want := []Block{{Addr: heap.Lo, Size: 16, State: BlockFree},
			{Addr: heap.Lo.Offset(48), Size: heap.Size() - 48, State: BlockFree}}
		if !slices.EqualFunc(free, want, func(x, y Block) bool { return x.Addr == y.Addr && x.Size == y.Size && x.State == y.State }) {
			t.Errorf("free are %v, want %v", free, want)
		}
		m.PushStr(s, " that is longer than sixteen bytes")
		m.Step(1, "end", "")
		m.Return()
	})
	heap := trace.Memory.Heap
	i := slices.IndexFunc(trace.Steps[0].Events, func(e Event) bool { return e.Kind == EventResize })
	want := []Candidate{{Addr: heap.Lo, Size: 16}, {Addr: heap.Lo.Offset(48), Size: heap.Size() - addr.Bytes(48), Fits: true}}
	if got := trace.Steps[0].Events[i].LookedAt; !slices.Equal(got, want) {
		t.Errorf("the move looked at %v, want %v", got, want)
	}
}
