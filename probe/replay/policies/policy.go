package policies

import (
	"iter"

	"memprobe/layout/addr"
)

// Policy is a way to place blocks.
type Policy struct {
	Name  string
	About string                       // what it takes, for a reader
	New   func(arena addr.Bytes) *Heap // an empty model that has that many bytes at most
}

// The policies.
var (
	First = Policy{"first", "the lowest hole that fits", newFirst}
	Next  = Policy{"next", "the next hole that fits above the last allocation, then on from the start", newNext}
	Best  = Policy{"best", "the tightest hole that fits", newBest}
	Worst = Policy{"worst", "the largest hole", newWorst}
)

// All are the policies, in the order in which they are compared.
var All = []Policy{First, Next, Best, Worst}

// byAddress looks at the holes from a place on, then from the start: first fit and
// next fit.
type byAddress struct {
	heap *Heap
	from addr.Bytes // a search begins with the hole that this lies in, or the next
	roam bool       // from follows the allocations
}

func newFirst(arena addr.Bytes) *Heap {
	h := newHeap(arena)
	h.policy = &byAddress{heap: h}
	return h
}

func newNext(arena addr.Bytes) *Heap {
	h := newHeap(arena)
	h.policy = &byAddress{heap: h, roam: true}
	return h
}

// start is the place of the hole that a search begins with.
func (b *byAddress) start() place {
	p := b.heap.holes.search(hole{lo: b.from})
	if below, ok := b.heap.holes.prior(p); ok && below.hi() > b.from {
		return b.heap.holes.search(below)
	}
	return p
}

func (b *byAddress) choose(n addr.Bytes) (hole, int, bool) {
	holes := &b.heap.holes
	start := b.start()
	h, above, ok := holes.fit(start, holes.end(), n)
	if ok {
		return h, above, true
	}
	h, below, ok := holes.fit(place{}, start, n)
	return h, above + below, ok
}

func (b *byAddress) order() iter.Seq[hole] {
	return func(yield func(hole) bool) {
		start := b.start()
		first, _ := b.heap.holes.at(start)
		for h := range b.heap.holes.all(start) {
			if !yield(h) {
				return
			}
		}
		for h := range b.heap.holes.all(place{}) {
			if h == first || !yield(h) {
				return
			}
		}
	}
}

func (b *byAddress) toTheEnd() bool { return false }
func (b *byAddress) added(hole)     {}
func (b *byAddress) removed(hole)   {}

func (b *byAddress) placed(end addr.Bytes) {
	if b.roam {
		b.from = end
	}
}

// bySizes looks at all holes, because the one to take may be the last: best fit and
// worst fit. That it keeps them by size is only so that it need not.
type bySizes struct {
	heap  *Heap
	sizes list
	worst bool
}

func newBest(arena addr.Bytes) *Heap {
	h := newHeap(arena)
	h.policy = &bySizes{heap: h, sizes: list{before: bySize}}
	return h
}

func newWorst(arena addr.Bytes) *Heap {
	h := newHeap(arena)
	h.policy = &bySizes{heap: h, sizes: list{before: bySize}, worst: true}
	return h
}

func (b *bySizes) choose(n addr.Bytes) (hole, int, bool) {
	looked := b.sizes.len
	if b.worst {
		n = max(n, b.sizes.largest())
	}
	h, ok := b.sizes.at(b.sizes.search(hole{size: n}))
	return h, looked, ok
}

func (b *bySizes) order() iter.Seq[hole] { return b.heap.holes.all(place{}) }
func (b *bySizes) toTheEnd() bool        { return true }
func (b *bySizes) added(h hole)          { b.sizes.insert(h) }
func (b *bySizes) removed(h hole)        { b.sizes.remove(h) }
func (b *bySizes) placed(addr.Bytes)     {}
