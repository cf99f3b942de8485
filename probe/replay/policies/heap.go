package policies

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"memprobe/layout/addr"
)

// granule is what blocks are multiples of, in size and in place.
const granule addr.Bytes = 16

// blockSize is what is set aside for a request of n bytes.
func blockSize(n addr.Bytes) addr.Bytes { return max(n, 1).AlignUp(granule) }

// ErrNoSpace: neither a hole nor the wilderness is large enough.
var ErrNoSpace = errors.New("no free block is large enough")

// ErrNotABlock: no block in use begins there.
var ErrNotABlock = errors.New("not the start of a block in use")

// Heap is a model of a heap. A place is an offset in bytes from its start.
type Heap struct {
	arena  addr.Bytes
	policy chooser
	used   map[addr.Bytes]addr.Bytes // where each block in use begins, and what was requested
	holes  list                      // by place
	top    addr.Bytes                // where the wilderness begins
	use    Use
	looked int
}

// chooser is what makes a policy: which hole a block is cut from.
type chooser interface {
	// choose is the hole for n bytes, a multiple of 16, and how many holes the policy's
	// definition looks at to find it; ok is false where no hole is large enough.
	choose(n addr.Bytes) (h hole, looked int, ok bool)
	// order yields the holes in the order in which choose looks at them, all of them.
	order() iter.Seq[hole]
	// toTheEnd says whether choose looks at all holes, whether they fit or not.
	toTheEnd() bool
	added(hole)
	removed(hole)
	placed(end addr.Bytes) // a block was placed by choice, and ends there
}

func newHeap(arena addr.Bytes) *Heap {
	return &Heap{arena: arena &^ (granule - 1), used: map[addr.Bytes]addr.Bytes{}, holes: list{before: byPlace}}
}

// Use is how much of a heap is used for what, in bytes.
type Use struct {
	Requested   addr.Bytes // by the blocks in use together
	Used        addr.Bytes // set aside for them
	Extent      addr.Bytes // from the start to the highest byte that was ever in use
	LargestHole addr.Bytes // the largest piece below Extent that is free
}

// Use is the heap's use at this moment.
func (h *Heap) Use() Use {
	u := h.use
	u.LargestHole = max(h.holes.largest(), u.Extent-h.top)
	return u
}

// Alloc takes n bytes where the policy has it, and returns the place. ErrNoSpace
// changes nothing.
func (h *Heap) Alloc(n addr.Bytes) (addr.Bytes, error) {
	if n > h.arena {
		return 0, fmt.Errorf("alloc %d bytes: %w", n, ErrNoSpace)
	}
	size := blockSize(n)
	from, looked, ok := h.policy.choose(size)
	if !ok {
		if from, looked = (hole{h.top, h.arena - h.top}), looked+1; from.size < size {
			return 0, fmt.Errorf("alloc %d bytes: %w", n, ErrNoSpace)
		}
	}
	h.looked = looked
	h.take(from, size)
	h.note(from.lo, n)
	h.policy.placed(from.lo + size)
	return from.lo, nil
}

// Looked is how many free blocks the last Alloc looked at, by the policy's
// definition.
func (h *Heap) Looked() int { return h.looked }

// take uses the first size bytes of a hole, or of the wilderness.
func (h *Heap) take(from hole, size addr.Bytes) {
	if from.lo == h.top {
		h.top += size
		return
	}
	h.remove(from)
	if rest := (hole{from.lo + size, from.size - size}); rest.size > 0 {
		h.add(rest)
	}
}

func (h *Heap) add(free hole) {
	h.holes.insert(free)
	h.policy.added(free)
}

func (h *Heap) remove(free hole) {
	h.holes.remove(free)
	h.policy.removed(free)
}

// note keeps that n bytes are in use at lo.
func (h *Heap) note(lo, n addr.Bytes) {
	h.used[lo] = n
	h.use.Requested += n
	h.use.Used += blockSize(n)
	h.use.Extent = max(h.use.Extent, lo+blockSize(n))
}

// forget is the block at lo, of which nothing is kept any more.
func (h *Heap) forget(op string, lo addr.Bytes) (block hole, n addr.Bytes, err error) {
	n, ok := h.used[lo]
	if !ok {
		return hole{}, 0, fmt.Errorf("%s %#x: %w", op, uint64(lo), ErrNotABlock)
	}
	delete(h.used, lo)
	h.use.Requested -= n
	h.use.Used -= blockSize(n)
	return hole{lo, blockSize(n)}, n, nil
}

// Free ends the block at lo. ErrNotABlock changes nothing.
func (h *Heap) Free(lo addr.Bytes) error {
	block, _, err := h.forget("free", lo)
	if err == nil {
		h.give(block)
	}
	return err
}

// give makes a piece free, and one with the holes right before and behind it.
func (h *Heap) give(free hole) {
	p := h.holes.search(free)
	below, hasBelow := h.holes.prior(p)
	above, hasAbove := h.holes.at(p)
	if hasAbove && above.lo == free.hi() {
		h.remove(above)
		free.size += above.size
	}
	if hasBelow && below.hi() == free.lo {
		h.remove(below)
		free = hole{below.lo, below.size + free.size}
	}
	if free.hi() == h.top {
		h.top = free.lo
		return
	}
	h.add(free)
}

// behind is the hole that begins at lo, or the wilderness if that does; of no size
// where a block does.
func (h *Heap) behind(lo addr.Bytes) hole {
	if lo == h.top {
		return hole{lo, h.arena - lo}
	}
	if free, ok := h.holes.at(h.holes.search(hole{lo: lo})); ok && free.lo == lo {
		return free
	}
	return hole{lo, 0}
}

// Resize gives the block at lo n bytes and returns where it is now. Errors are
// those of Alloc and of Free, and change nothing.
func (h *Heap) Resize(lo, n addr.Bytes) (addr.Bytes, error) {
	old, ok := h.used[lo]
	if !ok {
		return 0, fmt.Errorf("resize %#x: %w", uint64(lo), ErrNotABlock)
	}
	if n > h.arena {
		return 0, fmt.Errorf("resize %#x to %d bytes: %w", uint64(lo), n, ErrNoSpace)
	}
	end, want := lo+blockSize(old), lo+blockSize(n)
	if free := h.behind(end); want > free.hi() {
		to, err := h.Alloc(n)
		if err != nil {
			return 0, fmt.Errorf("resize %#x: %w", uint64(lo), err)
		}
		return to, h.Free(lo)
	} else if want > end {
		h.take(free, want-end)
	}
	// The block is still there, so forget finds it.
	_, _, _ = h.forget("resize", lo)
	if want < end {
		h.give(hole{want, end - want})
	}
	h.note(lo, n)
	return lo, nil
}

// Block is a block in use or free.
type Block struct {
	Offset    addr.Bytes // from the heap's start
	Size      addr.Bytes // what is set aside
	Requested addr.Bytes // what was asked for; 0 if free
	Used      bool
}

// Blocks lists all blocks by place, used and free; the wilderness is the last.
func (h *Heap) Blocks() []Block {
	all := make([]Block, 0, len(h.used)+h.holes.len+1)
	for lo, n := range h.used {
		all = append(all, Block{lo, blockSize(n), n, true})
	}
	for free := range h.holes.all(place{}) {
		all = append(all, Block{Offset: free.lo, Size: free.size})
	}
	if h.top < h.arena {
		all = append(all, Block{Offset: h.top, Size: h.arena - h.top})
	}
	slices.SortFunc(all, func(a, b Block) int { return int(int64(a.Offset) - int64(b.Offset)) })
	return all
}

// Candidate is a free block that a search looks at.
type Candidate struct {
	Offset addr.Bytes `json:"offset"`
	Size   addr.Bytes `json:"size"`
	Fits   bool       `json:"fits"`
	Taken  bool       `json:"taken"`
}

// Explain yields what Alloc(n) would look at, in order.
func (h *Heap) Explain(n addr.Bytes) iter.Seq[Candidate] {
	return func(yield func(Candidate) bool) {
		size := blockSize(min(n, h.arena+1))
		chosen, _, ok := h.policy.choose(size)
		for free := range h.policy.order() {
			taken := ok && free == chosen
			if !yield(Candidate{free.lo, free.size, free.size >= size, taken}) || taken && !h.policy.toTheEnd() {
				return
			}
		}
		if rest := h.arena - h.top; !ok && rest > 0 {
			yield(Candidate{h.top, rest, rest >= size, rest >= size})
		}
	}
}
