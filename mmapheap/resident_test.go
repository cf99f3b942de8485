package mmapheap

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"memprobe/layout/addr"
)

// What the kernel counts as resident is what Stats says, where every payload is
// written in full.
//
// The heap: to the page. Every granule below the extent has been in a block that
// asked for one byte of it at least, so its page was written; nothing above was.
//
// The bookkeeping: each of its arrays rounds to a page at either end of what is
// used, so it may have that many pages more. It may have as many less, where what
// describes the inside of a large block was never written: few blocks are as large
// as that. So the larger the heap, the closer the two.
func TestResidentIsWhatStatsSay(t *testing.T) {
	if emulated(t) {
		t.Skip("the emulator's memory figures are its own")
	}
	for _, size := range []addr.Bytes{100 << 10, 4 << 20, 48 << 20} {
		t.Run(fmt.Sprintf("%d KiB", size>>10), func(t *testing.T) {
			r := newRegion(t, Config{Heap: 128 << 20})
			w := writer{h: r.Heap()}
			rng := rand.New(rand.NewPCG(8, 9))
			for w.err == nil && r.Heap().Stats().Extent < size {
				for range size >> 8 { // a look at Stats takes long
					w.step(rng)
				}
			}
			last := w.alloc(20_000) // higher than all others, most likely,
			w.resize(last, 50_000)  // and now higher still
			if w.err != nil {
				t.Fatal(w.err)
			}
			compareResident(t, r)
		})
	}
}

// The same for recorded programs.
func TestResidentOnTraces(t *testing.T) {
	if emulated(t) {
		t.Skip("the emulator's memory figures are its own")
	}
	most := 20_000
	if wholeTraces(t) {
		most = 1 << 30
	}
	for _, file := range traces(t) {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		t.Run(name, func(t *testing.T) {
			ids, ops := readTrace(t, file, most)
			r := newRegion(t, Config{Heap: 256 << 20})
			w := writer{h: r.Heap()}
			blocks := make([]addr.Addr, ids)
			for _, op := range ops {
				switch a := &blocks[op.id]; op.kind {
				case 'a':
					*a = w.alloc(addr.Bytes(op.size))
				case 'r':
					*a = w.resize(*a, addr.Bytes(op.size))
				case 'f':
					w.free(*a)
				}
			}
			if w.err != nil {
				t.Fatal(w.err)
			}
			compareResident(t, r)
		})
	}
}

func compareResident(t *testing.T, r *Region) {
	t.Helper()
	page := addr.Bytes(os.Getpagesize())
	s := r.Heap().Stats()
	heap, books := residentHeap(t, r), residentBooks(t, r)
	t.Logf("heap: %d bytes resident, Extent %d; bookkeeping: %d bytes resident, Metadata %d", heap, s.Extent, books, s.Metadata)
	if heap != s.Extent.AlignUp(page) {
		t.Errorf("%d bytes of the heap are resident, want %d in whole pages", heap, s.Extent)
	}
	if off := roundings * page; books > s.Metadata+off || books+off < s.Metadata {
		t.Errorf("%d bytes of the bookkeeping are resident, want %d and %d at most more or less", books, s.Metadata, off)
	}
}

// writer uses a heap, writes every byte that it gets, and collects the errors.
type writer struct {
	h    *Heap
	live []addr.Addr
	err  error
}

// step frees or resizes a random block, or takes one more; all in all the heap
// grows. Most blocks are small.
func (w *writer) step(rng *rand.Rand) {
	n := 1 + addr.Bytes(rng.Uint64N(1<<(3+rng.Uint64N(10))))
	i := rng.IntN(len(w.live) + 1)
	switch kind := rng.IntN(10); {
	case i == len(w.live) || kind < 6:
		w.live = append(w.live, w.alloc(n))
	case kind < 7:
		w.live[i] = w.resize(w.live[i], n)
	default:
		w.free(w.live[i])
		w.live[i] = w.live[len(w.live)-1]
		w.live = w.live[:len(w.live)-1]
	}
}

func (w *writer) alloc(n addr.Bytes) addr.Addr {
	a, err := w.h.Alloc(n)
	w.write(a, err)
	return a
}

func (w *writer) resize(a addr.Addr, n addr.Bytes) addr.Addr {
	a, err := w.h.Resize(a, n)
	w.write(a, err)
	return a
}

func (w *writer) free(a addr.Addr) { w.err = errors.Join(w.err, w.h.Free(a)) }

func (w *writer) write(a addr.Addr, err error) {
	mem, errBytes := w.h.Bytes(a)
	for i := range mem {
		mem[i] = 0xaa
	}
	w.err = errors.Join(w.err, err, errBytes)
}
