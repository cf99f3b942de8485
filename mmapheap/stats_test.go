package mmapheap

import (
	"errors"
	"os"
	"slices"
	"testing"

	"memprobe/layout/addr"
)

func readSource(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func TestStats(t *testing.T) {
	h := newRegion(t, Config{Heap: 64 << 10}).Heap()
	if s := h.Stats(); s.InternalFragmentation() != 0 || s.ExternalFragmentation() != 0 || s.Utilization() != 0 || s.Metadata != 0 || s.LargestFree != s.Arena {
		t.Errorf("an empty heap: %+v", s)
	}
	a, b, c := mustAlloc(t, h, 100), mustAlloc(t, h, 60), mustAlloc(t, h, 5)
	if err := h.Free(a); err != nil {
		t.Fatal(err)
	}
	want := Stats{
		Arena: 64 << 10, Committed: h.Committed(), Used: 2, Requested: 65, UsedBytes: 80, FreeBlocks: 2, FreeBytes: 64<<10 - 80,
		LargestFree: 64<<10 - 192, HighWater: 192, Extent: 192, Metadata: 24 + 1 + 1 + 8,
	}
	got := h.Stats()
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if f, want := got.InternalFragmentation(), 1-65.0/80; f != want {
		t.Errorf("internal fragmentation %v, want %v", f, want)
	}
	if f, want := got.ExternalFragmentation(), 1-float64(got.LargestFree)/float64(got.FreeBytes); f != want {
		t.Errorf("external fragmentation %v, want %v", f, want)
	}
	if f, want := got.Utilization(), 65.0/65536; f != want {
		t.Errorf("utilization %v, want %v", f, want)
	}
	if err := errors.Join(h.Free(b), h.Free(c)); err != nil {
		t.Fatal(err)
	}
	if s := h.Stats(); s.Used != 0 || s.Requested != 0 || s.HighWater != 192 || s.FreeBlocks != 1 || s.FreeBytes != s.Arena {
		t.Errorf("empty again: %+v", s)
	}
	if s := (Stats{Arena: 64, Used: 1, UsedBytes: 64, Requested: 64}); s.ExternalFragmentation() != 0 || s.Utilization() != 1 {
		t.Errorf("a full heap: fragmentation %v, utilization %v", s.ExternalFragmentation(), s.Utilization())
	}
}

func TestBlockInfo(t *testing.T) {
	h := newRegion(t, Config{Heap: 64 << 10}).Heap()
	a, b := mustAlloc(t, h, 100), mustAlloc(t, h, 5)
	if err := h.Free(a); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Block(b); err != nil || got != (Block{b, 16, 5, Used}) {
		t.Errorf("the block at %v is %+v, %v", b, got, err)
	}
	for at, want := range map[addr.Addr]Block{
		a: {a, 112, 0, Free}, a + 111: {a, 112, 0, Free}, b + 15: {b, 16, 5, Used},
		b + 16: {b + 16, 64<<10 - 128, 0, Free}, h.Range().Hi - 1: {b + 16, 64<<10 - 128, 0, Free},
	} {
		if got, ok := h.BlockAround(at); !ok || got != want {
			t.Errorf("around %v is %+v, %v, want %+v", at, got, ok, want)
		}
	}
	if got, ok := h.BlockAround(h.Range().Hi); ok {
		t.Errorf("behind the arena is %+v", got)
	}
	for call, err := range map[string]error{"block": second(h.Block(a)), "bytes": second(h.Bytes(a))} {
		if block, ok := errors.AsType[*BlockError](err); !ok || block.Op != call || !errors.Is(err, ErrDoubleFree) {
			t.Errorf("%s of a freed address: %v", call, err)
		}
	}
	c := mustAlloc(t, h, 40)
	if err := h.Free(c + 32); err == nil || err.Error() != "free "+(c+32).String()+": 32 bytes inside the block at "+c.String()+", not at its start" {
		t.Error(err)
	}
}

func TestExplain(t *testing.T) {
	p := newPicture(t, "used 16 | free 32 | used 16 | free 48 | used 16 | free 64 | used 16 | free ...")
	lo := p.heap.Range().Lo
	for n, want := range map[addr.Bytes][]Candidate{
		0:  {{lo + 16, 32, true}},
		32: {{lo + 16, 32, true}},
		33: {{lo + 16, 32, false}, {lo + 64, 48, true}},
		49: {{lo + 16, 32, false}, {lo + 64, 48, false}, {lo + 128, 64, true}},
		65: {{lo + 16, 32, false}, {lo + 64, 48, false}, {lo + 128, 64, false}, {lo + 208, 65328, true}},
	} {
		if got := slices.Collect(p.heap.Explain(n)); !slices.Equal(got, want) {
			t.Errorf("for %d bytes: %v, want %v", n, got, want)
		}
		if a := mustAlloc(t, p.heap, n); a != want[len(want)-1].Addr {
			t.Errorf("alloc %d went to %v, not to %v", n, a, want[len(want)-1].Addr)
		} else if err := p.heap.Free(a); err != nil {
			t.Fatal(err)
		}
	}
	none := slices.Collect(p.heap.Explain(1 << 62))
	if len(none) != 4 || slices.ContainsFunc(none, func(c Candidate) bool { return c.Fits }) {
		t.Errorf("for more than there is: %v", none)
	}
	for range p.heap.Explain(1 << 62) {
		break // the search may be left at any point
	}
}
