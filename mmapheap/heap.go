package mmapheap

import (
	"fmt"

	"memprobe/layout/addr"
)

// Heap is an exact first-fit allocator over an arena of reserved memory.
type Heap struct {
	share
	index     index
	sizes     sizes
	requested addr.Bytes // by all blocks in use together
	highWater addr.Bytes // the most that requested has been
	extent    granules   // up to where the arena has ever been in use
}

// lay takes the heap's bookkeeping for an arena of n bytes from c.
func (h *Heap) lay(c *carver, n addr.Bytes) {
	h.index.lay(c, n)
	h.sizes.lay(c, n)
}

// toGranules is how many granules hold n bytes, at least one; n is at most the
// size of an arena.
func toGranules(n addr.Bytes) granules { return granules((max(n, 1) + granule - 1) / granule) }

// at is the address of granule g.
func (h *Heap) at(g granules) addr.Addr { return h.span.Lo + addr.Addr(g)*addr.Addr(granule) }

// Alloc takes n bytes at the lowest address where n bytes are free, and returns
// it, a multiple of 16. A request of 0 bytes gets a block of 16 bytes of which
// none may be used. The bytes are whatever was there before: zero only where
// nothing has been yet. ErrNoSpace means that no free block holds n bytes; the
// kernel may also refuse to commit memory. Then the heap is as it was.
func (h *Heap) Alloc(n addr.Bytes) (addr.Addr, error) {
	free, ok := h.find(n)
	if !ok {
		return 0, h.full("alloc", n)
	}
	block := run{free.lo, free.lo + toGranules(n)}
	if err := h.cover(block.hi); err != nil {
		return 0, fmt.Errorf("alloc %d bytes: %w", n, err)
	}
	h.index.take(free, block.size())
	h.sizes.put(block, n)
	h.count(n, 0, block.hi)
	return h.at(block.lo), nil
}

// find is the lowest free run that holds n bytes.
func (h *Heap) find(n addr.Bytes) (run, bool) {
	if n > h.span.Size() {
		return run{}, false
	}
	return h.index.find(toGranules(n))
}

// full says why there is no block for n bytes.
func (h *Heap) full(op string, n addr.Bytes) error {
	if h.mem == nil {
		return fmt.Errorf("%s %d bytes: %w", op, n, ErrReleased)
	}
	return fmt.Errorf("%s %d bytes: %w", op, n, ErrNoSpace)
}

// cover commits the arena up to granule hi.
func (h *Heap) cover(hi granules) error {
	if need := addr.Bytes(hi) * granule; need > h.committed {
		return h.grow(need)
	}
	return nil
}

// count notes that requests changed by added-removed bytes, and that the arena is
// in use up to hi.
func (h *Heap) count(added, removed addr.Bytes, hi granules) {
	h.requested += added - removed
	h.highWater = max(h.highWater, h.requested)
	h.extent = max(h.extent, hi)
}

// Free ends the block at a, which coalesces with its free neighbours at once. An
// address that is not one of a block in use is a *BlockError, and nothing changes.
func (h *Heap) Free(a addr.Addr) error {
	block, err := h.block("free", a)
	if err != nil {
		return err
	}
	h.count(0, h.sizes.get(block), 0)
	h.sizes.drop(block)
	h.index.give(block)
	return nil
}

// Resize makes the block at a hold n bytes and returns where it is now. It
// shrinks in place; it grows in place where the free block right behind it holds
// the rest; else it takes a new block as Alloc does, copies what was requested of
// the old one, and frees that, in this order. Errors are those of Alloc and of
// Free, and leave the block as it was.
func (h *Heap) Resize(a addr.Addr, n addr.Bytes) (addr.Addr, error) {
	block, err := h.block("resize", a)
	if err != nil {
		return 0, err
	}
	old := h.sizes.get(block)
	if n > h.span.Size() {
		return 0, h.resizeError(a, n, ErrNoSpace)
	}
	if k := toGranules(n); k <= h.index.behind(block).size() {
		resized := run{block.lo, block.lo + k}
		if err := h.cover(resized.hi); err != nil {
			return 0, h.resizeError(a, n, err)
		}
		h.sizes.drop(block)
		h.index.resize(block, resized.hi)
		h.sizes.put(resized, n)
		h.count(n, old, resized.hi)
		return a, nil
	}
	b, err := h.Alloc(n)
	if err != nil {
		return 0, fmt.Errorf("resize %v: %w", a, err)
	}
	copy(h.payload(b, n), h.payload(a, old))
	return b, h.Free(a)
}

func (h *Heap) resizeError(a addr.Addr, n addr.Bytes, err error) error {
	return fmt.Errorf("resize %v to %d bytes: %w", a, n, err)
}

// Bytes is the memory of the block at a, as long as was requested. It stays valid
// until Release, and shows what is there: after Free that may be another block's.
func (h *Heap) Bytes(a addr.Addr) ([]byte, error) {
	block, err := h.block("bytes", a)
	if err != nil {
		return nil, err
	}
	return h.payload(a, h.sizes.get(block)), nil
}

func (h *Heap) payload(a addr.Addr, n addr.Bytes) []byte {
	off := a.Sub(h.span.Lo)
	return h.mem[off : off+n : off+n]
}

// block is the block in use at a.
func (h *Heap) block(op string, a addr.Addr) (run, error) {
	off := a.Sub(h.span.Lo)
	if off < h.span.Size() && off%granule == 0 {
		if g := granules(off / granule); h.index.starts.has(g) {
			return h.index.blockAt(g), nil
		}
	}
	return run{}, h.refuse(op, a)
}

// refuse says why a is not the address of a block in use.
func (h *Heap) refuse(op string, a addr.Addr) error {
	switch {
	case h.mem == nil:
		return &BlockError{op, a, addr.Range{}, ErrReleased}
	case a == 0:
		return &BlockError{op, a, addr.Range{}, ErrNull}
	case !h.span.Contains(a):
		return &BlockError{op, a, addr.Range{}, ErrForeign}
	case !a.Aligned(granule):
		return &BlockError{op, a, addr.Range{}, ErrMisaligned}
	}
	g := granules(a.Sub(h.span.Lo) / granule)
	if block, used := h.index.around(g); used {
		return &BlockError{op, a, addr.Range{Lo: h.at(block.lo), Hi: h.at(block.hi)}, ErrInterior}
	}
	if g < h.extent {
		return &BlockError{op, a, addr.Range{}, ErrDoubleFree}
	}
	return &BlockError{op, a, addr.Range{}, ErrUntouched}
}

// Range is the whole arena: all that the heap may grow into.
func (h *Heap) Range() addr.Range { return h.span }

// Committed is how many bytes are accessible, counted from the arena's start.
func (h *Heap) Committed() addr.Bytes { return h.committed }
