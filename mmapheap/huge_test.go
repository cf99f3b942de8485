package mmapheap

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"memprobe/layout/addr"
)

// roundings is how many pages more, or less, of the bookkeeping may be resident
// than Stats counts bytes: each of its arrays rounds to a page at both ends of what
// is used of it. Those that reach over a page are fewer than twelve.
const roundings = 2 * 12

// hugeRegion is the largest region that can be had.
func hugeRegion(t *testing.T) *Region {
	t.Helper()
	needsRoom(t, MaxHeap+MaxHeap/8+MaxStack)
	r, err := Reserve(Config{Heap: MaxHeap, Stack: MaxStack})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Release(); err != nil && !errors.Is(err, ErrReleased) {
			t.Error(err)
		}
	})
	return r
}

// What is not used has no memory behind it: not what is reserved, not what is
// committed, not the bookkeeping of either.
func TestHugeHeapTouchesNothingUnused(t *testing.T) {
	r := hugeRegion(t)
	h := r.Heap()
	page := addr.Bytes(os.Getpagesize())
	check := func(stage string, heapPages addr.Bytes, described addr.Bytes) {
		t.Helper()
		if got := residentIn(t, r.Range()); got != heapPages*page {
			t.Errorf("%s: %d bytes of the region are resident, want %d pages", stage, got, heapPages)
		}
		books := residentBooks(t, r)
		t.Logf("%s: %d bytes of the bookkeeping are resident, %d describe something", stage, books, described)
		if books > described+roundings*page {
			t.Errorf("%s: %d bytes of the bookkeeping are resident, for %d that describe something", stage, books, described)
		}
	}
	check("reserved", 0, 0)

	const k = 1000
	var blocks []addr.Addr
	for range k {
		blocks = append(blocks, mustAlloc(t, h, page))
	}
	described := h.Stats().Metadata
	check("allocated, nothing written", 0, described)
	for _, a := range blocks[:k/2] {
		if err := r.Store(a, []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	check("half of the blocks begun", k/2, described)

	const large = 60 << 30
	a := mustAlloc(t, h, large)
	if h.Committed() < large {
		t.Errorf("%d bytes are committed, for a block of %d", h.Committed(), int64(large))
	}
	check("60 GiB allocated", k/2, described)
	const stride = 1 << 30
	for off := addr.Bytes(stride / 2); off < large; off += stride {
		if err := r.Store(a.Offset(off), []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	check("60 bytes written, far from each other", k/2+60, described)
	if a, err := h.Resize(a, large/2); err != nil || a != blocks[k-1].Offset(page) {
		t.Errorf("resize: %v, %v", a, err)
	}
	if err := h.Free(a); err != nil {
		t.Error(err)
	}
	check("freed", k/2+60, described)
}

// Blocks fill the heap up to its last byte, and it is one free block when they
// are gone.
func TestHugeHeapToItsEnd(t *testing.T) {
	r := hugeRegion(t)
	h := r.Heap()
	sizes := []addr.Bytes{1, 15 << 30, 4<<30 - 1, 20<<30 + 7, 64 << 10, 16 << 30, 48}
	var blocks []addr.Addr
	var requested, used addr.Bytes
	alloc := func(n addr.Bytes) {
		t.Helper()
		a, err := h.Alloc(n)
		if err != nil || a != h.Range().Lo.Offset(used) {
			t.Fatalf("alloc %d: %v, %v, want %v", n, a, err, h.Range().Lo.Offset(used))
		}
		blocks = append(blocks, a)
		requested, used = requested+n, used+n.AlignUp(16)
	}
	check := func(freed, largest addr.Bytes, free int) {
		t.Helper()
		got := h.Stats()
		want := Stats{
			Arena: MaxHeap, Committed: got.Committed, Used: len(blocks), Requested: requested, UsedBytes: used - freed,
			FreeBlocks: free, FreeBytes: MaxHeap - used + freed, LargestFree: largest, HighWater: got.HighWater, Extent: used, Metadata: got.Metadata,
		}
		if got != want || got.HighWater < requested || got.Committed < used {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	for _, n := range sizes {
		alloc(n)
	}
	check(0, MaxHeap-used, 1)
	alloc(MaxHeap - used - 16)
	check(0, 16, 1)
	alloc(13) // the last granule of all
	check(0, 0, 0)
	if _, err := h.Alloc(0); !errors.Is(err, ErrNoSpace) {
		t.Errorf("alloc 0 in a full heap: %v", err)
	}
	if h.Committed() != MaxHeap {
		t.Errorf("%d bytes of a full heap are committed", h.Committed())
	}
	last := blocks[len(blocks)-1]
	for i, a := range blocks {
		mem, err := h.Bytes(a)
		if err != nil {
			t.Fatal(err)
		}
		mem[0], mem[len(mem)-1] = byte(i), byte(i)
	}
	for i, a := range blocks {
		if mem, _ := h.Bytes(a); mem[0] != byte(i) || mem[len(mem)-1] != byte(i) {
			t.Errorf("the ends of the block at %v changed", a)
		}
	}
	if b, ok := h.BlockAround(h.Range().Hi - 1); !ok || b != (Block{last, 16, 13, Used}) {
		t.Errorf("the last block is %+v", b)
	}
	if got := slices.Collect(h.Blocks()); len(got) != len(blocks) {
		t.Errorf("blocks: %v", got)
	}

	// A hole in the middle, where two blocks were.
	hole := sizes[2].AlignUp(16) + sizes[3].AlignUp(16)
	if err := errors.Join(h.Free(blocks[3]), h.Free(blocks[2])); err != nil {
		t.Fatal(err)
	}
	at := blocks[2]
	blocks = slices.Delete(blocks, 2, 4)
	requested -= sizes[2] + sizes[3]
	check(hole, hole, 1)
	if b, ok := h.BlockAround(at + 10<<30); !ok || b != (Block{at, hole, 0, Free}) {
		t.Errorf("the hole is %+v", b)
	}
	if a, err := h.Alloc(hole + 1); !errors.Is(err, ErrNoSpace) {
		t.Errorf("alloc of a byte more than the hole has: %v, %v", a, err)
	}
	if a, err := h.Alloc(hole); err != nil || a != at {
		t.Errorf("alloc of the whole hole: %v, %v, want %v", a, err, at)
	}
	blocks = append(blocks, at)
	for len(blocks) > 0 {
		i := len(blocks) * 3 / 7
		if err := h.Free(blocks[i]); err != nil {
			t.Fatal(err)
		}
		blocks = slices.Delete(blocks, i, i+1)
	}
	if s := h.Stats(); s.Used != 0 || s.Requested != 0 || s.FreeBlocks != 1 || s.LargestFree != MaxHeap {
		t.Errorf("empty again: %+v", s)
	}
	if a, err := h.Alloc(MaxHeap); err != nil || a != h.Range().Lo {
		t.Errorf("all of the heap: %v, %v", a, err)
	}
}

// No operation on a nearly empty heap takes longer for the size of the reservation.
// The bound is a thousand times what they take of a processor, and far below a walk of it.
func TestHugeHeapIsNoSlower(t *testing.T) {
	const bound = time.Second
	timed := func(what string, f func() error) {
		t.Helper()
		start := processorTime(t)
		if err := f(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		took := processorTime(t) - start
		t.Logf("%-36s %v", what, took)
		if took > bound {
			t.Errorf("%s took %v", what, took)
		}
	}
	var r *Region
	timed("Reserve", func() error { r = hugeRegion(t); return nil })
	h := r.Heap()
	looks := func(state string) {
		t.Helper()
		timed(state+": Blocks", func() error {
			for range h.Blocks() {
			}
			return nil
		})
		timed(state+": Explain", func() error {
			for range h.Explain(MaxHeap) {
			}
			return nil
		})
		timed(state+": Stats", func() error { _ = h.Stats(); return nil })
		timed(state+": Block", func() error {
			h.Block(h.Range().Hi - 16)
			h.BlockAround(h.Range().Hi - 16)
			return nil
		})
	}
	timed("empty: Check", func() error { return errors.Join(h.Check(), r.Stack().Check()) })
	looks("empty")
	a, b := addr.Addr(0), addr.Addr(0)
	timed("1000 times Alloc, Resize, Free", func() (err error) {
		for i := range addr.Bytes(1000) {
			if a, err = h.Alloc(i); err != nil {
				return err
			}
			if a, err = h.Resize(a, 2*i); err != nil {
				return err
			}
			if err = h.Free(a); err != nil {
				return err
			}
		}
		return nil
	})
	timed("Alloc twice", func() (err error) {
		a, err = h.Alloc(100)
		return errors.Join(err, second(h.Alloc(100)), h.Free(a))
	})
	timed("nearly empty: Check", h.Check)
	looks("nearly empty")

	timed("Alloc 60 GiB", func() (err error) { b, err = h.Alloc(60 << 30); return err })
	timed("Alloc behind it", func() error { return second(h.Alloc(1 << 20)) })
	looks("one large block")
	timed("Resize 60 GiB to 30 and back", func() error {
		return errors.Join(second(h.Resize(b, 30<<30)), second(h.Resize(b, 60<<30)))
	})
	timed("Free 60 GiB", func() error { return h.Free(b) })
	looks("one large hole")
	timed("Alloc, no hole fits", func() error {
		if _, err := h.Alloc(61 << 30); !errors.Is(err, ErrNoSpace) {
			return fmt.Errorf("alloc: %v", err)
		}
		return nil
	})
	timed("Release", r.Release)
}

// Release gives everything back: addresses, pages, and the tables that describe
// them, of which there is one page here for each page that is touched.
func TestHugeHeapGivesEverythingBack(t *testing.T) {
	const slack = 8 << 20 // Go's runtime needs some memory of its own
	before := map[string]addr.Bytes{"VmSize": status(t, "VmSize"), "VmRSS": status(t, "VmRSS"), "VmPTE": status(t, "VmPTE")}
	lines := len(readMaps(t))
	for range 3 {
		r := hugeRegion(t)
		h := r.Heap()
		a := mustAlloc(t, h, 63<<30)
		mustAlloc(t, h, h.Stats().LargestFree)
		mem, err := h.Bytes(a)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(mem); i += 4 << 20 {
			mem[i] = 1
		}
		if _, err := r.Stack().Push(MaxStack); err != nil {
			t.Fatal(err)
		}
		if rss, pte := status(t, "VmRSS"), status(t, "VmPTE"); rss < before["VmRSS"]+slack || pte < before["VmPTE"]+slack {
			t.Errorf("%d bytes are resident, with %d of page tables, after %d and %d: nothing to give back", rss, pte, before["VmRSS"], before["VmPTE"])
		}
		var spans []addr.Range
		for _, p := range r.Parts() {
			spans = append(spans, p.Range)
		}
		if err := r.Release(); err != nil {
			t.Fatal(err)
		}
		maps := readMaps(t)
		for _, s := range spans {
			if mapped := mappedIn(maps, s); s.Size() > 1<<30 && mapped > s.Size()/2 { // Go may map something of its own there
				t.Errorf("after Release %d bytes of %v are mapped", mapped, s)
			}
		}
	}
	for name, was := range before {
		allowed := addr.Bytes(slack)
		if name == "VmSize" {
			allowed = 256 << 20 // Go reserves its heap 64 MiB at a time
		}
		if is := status(t, name); is > was+allowed {
			t.Errorf("%s is %d bytes, %d before", name, is, was)
		}
	}
	if now := len(readMaps(t)); now > lines+8 {
		t.Errorf("the process has %d mappings, %d before", now, lines)
	}
}
