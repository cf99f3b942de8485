package mmapheap

import (
	"fmt"
	"math/bits"

	"memprobe/layout/addr"
)

// Heap is an exact first-fit allocator over an arena of reserved memory.
type Heap struct {
	index index
	share
	used      granules // in all blocks together
	highWater granules // the most that used has been
	extent    granules // up to where the arena has ever been in use
}

// lay takes the heap's bookkeeping for an arena of n bytes from c; exact is whether
// it keeps requested sizes to the byte.
func (h *Heap) lay(c *carver, n addr.Bytes, exact bool) { h.index.lay(c, n, exact) }

// at is the address of granule g.
func (h *Heap) at(g granules) addr.Addr { return h.span.Lo + addr.Addr(g)*addr.Addr(granule) }

// Alloc takes n bytes at the lowest address where n bytes are free, and returns
// it, a multiple of 16. A request of 0 bytes gets a block of 16 bytes of which
// none may be used. The bytes are whatever was there before: zero only where
// nothing has been yet. ErrNoSpace means that no free block holds n bytes; the
// kernel may also refuse to commit memory. Then the heap is as it was.
func (h *Heap) Alloc(n addr.Bytes) (addr.Addr, error) {
	s := uint64(n-1) / 16 // the step of a hole of just that size
	if s >= smallSteps {  // as it is for 0 bytes
		return h.allocLarge(n)
	}
	x := &h.index
	edges := x.stairs.edges[0] >> (s & 63)
	e := s + uint64(bits.TrailingZeros64(edges))
	edge := uint64(1) << (e & 63)
	if edges == 0 || x.stairs.exact[0]&edge == 0 {
		return h.allocSmall(n, s)
	}
	lo := uint64(x.stairs.place[e&63]) // of a hole of e+1 granules
	last := lo + s
	ch := x.chunks.at(lo / perChunk)
	starts := ch.starts
	if starts == 0 {
		x.begun.set(lo / perChunk)
	}
	if x.exact {
		ch.notes = x.sizes.put(ch.notes, starts, lo%perChunk, uint64(-n&15))
	}
	ch.starts = starts | 1<<(lo%perChunk)
	x.chunks.at(last / perChunk).ends |= 1 << (last % perChunk)
	x.stairs.exact[0] &^= edge
	x.stairs.place[e&63] = uint32(lo + e + 1)
	if e != s {
		rest := e - s - 1 // its step
		bit := uint64(1) << (rest & 63)
		if x.stairs.edges[0]&(edge-bit) == 0 {
			x.stairs.edges[0] |= bit
			x.stairs.exact[0] |= bit
			x.stairs.place[rest&63] = uint32(last + 1)
		}
		if (last+1)/perChunk != lo/perChunk {
			x.holes.add((last+1)/perChunk, rest)
		}
	}
	h.count(granules(s + 1))
	return h.at(granules(lo)), nil
}

// allocSmall is Alloc of up to 1 KiB, of step s, where the edge that tells of s is
// not exact, or is that of a large step or of the tail.
//
//go:noinline
func (h *Heap) allocSmall(n addr.Bytes, s uint64) (addr.Addr, error) {
	if h.mem == nil {
		return 0, h.full(n)
	}
	x := &h.index
	k, slack := granules(s+1), uint64(-n&15)
	e := x.stairs.edge(s)
	switch from := x.stairs.at(e); {
	case e == tailStep:
		return h.extend(n, k, slack)
	case x.stairs.isExact(e):
		x.take(run{from, x.freeEnd(from)}, k, slack)
		h.count(k)
		return h.at(from), nil
	default:
		hole, ok := x.search(from, k)
		to := uint64(hole.size()) - 1
		if !ok || e >= smallSteps || to >= smallSteps {
			return h.allocAny(n, k, slack)
		}
		x.mark(hole.lo, k, slack)
		rest := run{hole.lo + k, hole.hi}
		if rest.size() != 0 && rest.lo/perChunk != hole.lo/perChunk {
			x.holes.add(uint64(rest.lo/perChunk), uint64(rest.size())-1)
		}
		x.stairs.took(s, e, to, rest)
		h.count(k)
		return h.at(hole.lo), nil
	}
}

// allocLarge is Alloc of more than 1 KiB, or of nothing.
//
//go:noinline
func (h *Heap) allocLarge(n addr.Bytes) (addr.Addr, error) {
	if n > h.span.Size() || h.mem == nil {
		return 0, h.full(n)
	}
	k := toGranules(n)
	if n > 0 {
		return h.allocAny(n, k, uint64(-n&15))
	}
	a, err := h.allocAny(n, k, maxSlack)
	if err == nil && h.index.exact {
		h.index.sizes.setNothing(granules(a.Sub(h.span.Lo)/granule), true)
	}
	return a, err
}

// allocAny is Alloc of k granules where nothing quicker will do.
func (h *Heap) allocAny(n addr.Bytes, k granules, slack uint64) (addr.Addr, error) {
	hole, ok := h.index.find(k)
	if !ok {
		return h.extend(n, k, slack)
	}
	h.index.take(hole, k, slack)
	h.count(k)
	return h.at(hole.lo), nil
}

// extend is Alloc of k granules at the start of the tail.
func (h *Heap) extend(n addr.Bytes, k granules, slack uint64) (addr.Addr, error) {
	x := &h.index
	lo := x.tail
	hi := lo + k
	if hi > x.size {
		return 0, h.full(n)
	}
	if err := h.cover(hi); err != nil {
		return 0, fmt.Errorf("alloc %d bytes: %w", n, err)
	}
	x.mark(lo, k, slack)
	x.setTail(hi)
	h.extent = max(h.extent, hi)
	h.count(k)
	return h.at(lo), nil
}

// count notes that k granules more are in use.
func (h *Heap) count(k granules) {
	h.used += k
	if h.used > h.highWater {
		h.highWater = h.used
	}
}

// full says why there is no block for n bytes.
func (h *Heap) full(n addr.Bytes) error {
	if h.mem == nil {
		return fmt.Errorf("alloc %d bytes: %w", n, ErrReleased)
	}
	return fmt.Errorf("alloc %d bytes: %w", n, ErrNoSpace)
}

// cover commits the arena up to granule hi.
func (h *Heap) cover(hi granules) error {
	if need := addr.Bytes(hi) * granule; need > h.committed {
		return h.grow(need)
	}
	return nil
}

// Free ends the block at a, which coalesces with its free neighbours at once. An
// address that is not one of a block in use is a *BlockError, and nothing changes.
func (h *Heap) Free(a addr.Addr) error {
	x := &h.index
	g := bits.RotateLeft64(uint64(a-h.span.Lo), -4) // too large also where a is not a multiple of 16
	if g >= uint64(x.size) {
		return h.refuse("free", a)
	}
	w, b := g/perChunk, g%perChunk
	ch := x.chunks.at(w)
	starts, ends := ch.starts, ch.ends
	if starts>>b&1 == 0 {
		return h.refuse("free", a)
	}
	var hi, lo uint64
	if near := ends >> b; near != 0 {
		hi = g + uint64(bits.TrailingZeros64(near)) + 1
	} else {
		hi = uint64(x.farEnd(granules(g)))
	}
	if near := ends << 1 << (63 - b); near != 0 {
		lo = g - uint64(bits.LeadingZeros64(near))
	} else {
		lo = uint64(x.farBefore(granules(g)))
	}
	if x.exact {
		if hi == g+1 {
			x.sizes.setNothing(granules(g), false)
		}
		ch.notes = x.sizes.drop(ch.notes, starts, b)
	}
	ch.starts = starts &^ (1 << b)
	x.chunks.at((hi - 1) / perChunk).ends &^= 1 << ((hi - 1) % perChunk)
	h.used -= granules(hi - g)
	if hi == uint64(x.tail) {
		x.freedTail(granules(lo))
		return nil
	}
	if near := x.chunks.at(hi/perChunk).starts >> (hi % perChunk); near != 0 {
		hi += uint64(bits.TrailingZeros64(near))
	} else {
		hi = uint64(x.farStart(granules(hi)))
	}
	s := hi - lo - 1
	if s >= smallSteps-1 {
		x.freed(run{granules(lo), granules(hi)})
		return nil
	}
	x.holes.add(lo/perChunk, s)
	e := x.stairs.edge(s)
	if uint64(x.stairs.place[e&(steps-1)]) > lo {
		x.stairs.freedSmall(s, e, lo, hi)
	}
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
	if n > h.span.Size() {
		return 0, h.resizeError(a, n, ErrNoSpace)
	}
	hi := block.lo + toGranules(n)
	if hi > block.hi {
		if hi > h.index.room(block) {
			return h.move(a, h.index.requested(block), n)
		}
		if err := h.cover(hi); err != nil {
			return 0, h.resizeError(a, n, err)
		}
		h.extent = max(h.extent, hi)
	}
	if h.index.exact {
		h.index.request(block.lo, addr.Bytes(hi-block.lo)*granule, n)
	}
	if hi != block.hi {
		h.index.resize(block, hi)
		h.count(hi - block.hi) // wraps around where the block shrinks
	}
	return a, nil
}

// move is Resize of a block of which old bytes are requested and that can't grow
// where it is.
func (h *Heap) move(a addr.Addr, old, n addr.Bytes) (addr.Addr, error) {
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
	return h.payload(a, h.index.requested(block)), nil
}

func (h *Heap) payload(a addr.Addr, n addr.Bytes) []byte {
	off := a.Sub(h.span.Lo)
	return h.mem[off : off+n : off+n]
}

// block is the block in use at a.
func (h *Heap) block(op string, a addr.Addr) (run, error) {
	off := a.Sub(h.span.Lo)
	if off < h.span.Size() && off%granule == 0 {
		if g := granules(off / granule); h.index.begins(g) {
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
