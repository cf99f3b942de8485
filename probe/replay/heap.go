package replay

import (
	"iter"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
	"memprobe/probe/replay/policies"
)

// heap is what a trace is played on: the real heap, or a model.
type heap interface {
	Alloc(n addr.Bytes) (place addr.Bytes, err error)
	Resize(place, n addr.Bytes) (addr.Bytes, error)
	Free(place addr.Bytes) error
	Use() policies.Use
	Explain(n addr.Bytes) iter.Seq[policies.Candidate]
	Blocks() []policies.Block
}

// engine is the real heap with places for addresses.
type engine struct {
	region *mmapheap.Region
	heap   *mmapheap.Heap
	base   addr.Addr
	extent addr.Bytes // from the arena's start to the highest byte that was ever in use
}

// reserve makes an empty heap of n bytes. Whoever does releases it.
func reserve(n addr.Bytes) (*engine, error) {
	r, err := mmapheap.Reserve(mmapheap.Config{Heap: n, Stack: 1})
	if err != nil {
		return nil, err
	}
	return &engine{region: r, heap: r.Heap(), base: r.Heap().Range().Lo}, nil
}

func (e *engine) release() error { return e.region.Release() }

func (e *engine) address(place addr.Bytes) addr.Addr { return e.base.Offset(place) }

// placed is the place of the block at a.
func (e *engine) placed(a addr.Addr, err error) (addr.Bytes, error) {
	if err != nil {
		return 0, err
	}
	b, err := e.heap.Block(a)
	e.extent = max(e.extent, a.Sub(e.base)+b.Size)
	return a.Sub(e.base), err
}

func (e *engine) Alloc(n addr.Bytes) (addr.Bytes, error) { return e.placed(e.heap.Alloc(n)) }

func (e *engine) Resize(place, n addr.Bytes) (addr.Bytes, error) {
	return e.placed(e.heap.Resize(e.address(place), n))
}

func (e *engine) Free(place addr.Bytes) error { return e.heap.Free(e.address(place)) }

// Use walks the heap.
func (e *engine) Use() policies.Use {
	u := policies.Use{Extent: e.extent}
	for b := range e.heap.Blocks() {
		lo := b.Addr.Sub(e.base)
		switch {
		case b.State == mmapheap.Used:
			u.Requested += b.Requested
			u.Used += b.Size
		case lo < e.extent:
			u.LargestHole = max(u.LargestHole, min(b.Size, e.extent-lo))
		}
	}
	return u
}

func (e *engine) Explain(n addr.Bytes) iter.Seq[policies.Candidate] {
	return func(yield func(policies.Candidate) bool) {
		for c := range e.heap.Explain(n) {
			if !yield(policies.Candidate{Offset: c.Addr.Sub(e.base), Size: c.Size, Fits: c.Fits, Taken: c.Fits}) {
				return
			}
		}
	}
}

func (e *engine) Blocks() []policies.Block {
	var all []policies.Block
	for b := range e.heap.Blocks() {
		all = append(all, policies.Block{Offset: b.Addr.Sub(e.base), Size: b.Size, Requested: b.Requested, Used: b.State == mmapheap.Used})
	}
	return all
}

// fill writes to every page of the payload of n bytes at place.
func (e *engine) fill(place, n, page addr.Bytes) error {
	if n == 0 {
		return nil
	}
	a := e.address(place)
	for off := addr.Bytes(0); off < n; off += page {
		if err := e.region.Store(a.Offset(off), written); err != nil {
			return err
		}
	}
	return e.region.Store(a.Offset(n-1), written)
}

// written is what is written to a block's first byte.
var written = []byte{1}

// bookkeeping is where the region keeps what it knows of itself.
func (e *engine) bookkeeping() addr.Range {
	for _, p := range e.region.Parts() {
		if p.Kind == mmapheap.Bookkeeping {
			return p.Range
		}
	}
	return addr.Range{}
}
