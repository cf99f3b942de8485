package timing

import (
	"errors"

	"memprobe/layout/addr"
	"memprobe/mmapheap"
)

// naive is first fit as a first course writes it: one list of the free blocks by
// address, walked from its start by each request and by each free. It makes the
// same choices as memprobe's heap, at the price that this has.
//
// Sizes and places are in granules, places counted from the arena's start. A free
// block holds two words, its size and where the next free block is; the size of a
// block in use stands beside the arena.
type naive struct {
	arena []uint64
	sizes []uint32
	first uint64 // the lowest free block
	end   uint64 // of the arena; as a place in the list, its end
}

// granule is what blocks are multiples of.
const granule addr.Bytes = 16

const wordsPerGranule = 2

func granules(n addr.Bytes) uint64 { return uint64(n.AlignUp(granule) / granule) }

// spare is how many granules a copy has behind what was ever used.
const spare = 1 << 16

// copied has the blocks of a heap where they are there.
func copied(heap *mmapheap.Heap) *naive {
	base := heap.Range().Lo
	var n naive
	for b := range heap.Blocks() {
		if b.State == mmapheap.Used {
			n.end = granules(b.Range().Hi.Sub(base))
		}
	}
	n.end += spare
	n.arena, n.sizes = make([]uint64, n.end*wordsPerGranule), make([]uint32, n.end)
	n.first = n.end
	last := n.end
	for b := range heap.Blocks() {
		place, size := granules(b.Addr.Sub(base)), granules(b.Size)
		if b.State == mmapheap.Used {
			n.sizes[place] = uint32(size)
			continue
		}
		n.put(place, min(size, n.end-place), n.end)
		n.after(last, place)
		last = place
	}
	return &n
}

// holes is how many free blocks there are, but for what is free behind all others.
func (n *naive) holes() int {
	count := 0
	for block := n.first; block != n.end; block = n.next(block) {
		count++
	}
	return count - 1
}

func (n *naive) size(block uint64) uint64 { return n.arena[block*wordsPerGranule] }
func (n *naive) next(block uint64) uint64 { return n.arena[block*wordsPerGranule+1] }

func (n *naive) put(block, size, next uint64) {
	n.arena[block*wordsPerGranule], n.arena[block*wordsPerGranule+1] = size, next
}

// after makes next what follows before in the list; before is the end where next
// is to be the first.
func (n *naive) after(before, next uint64) {
	if before == n.end {
		n.first = next
		return
	}
	n.arena[before*wordsPerGranule+1] = next
}

var errNaiveFull = errors.New("the naive list has no room")

// alloc takes want granules from the lowest free block that has them.
func (n *naive) alloc(want uint64) (uint64, error) {
	before := n.end
	for block := n.first; block != n.end; before, block = block, n.next(block) {
		size := n.size(block)
		if size < want {
			continue
		}
		next := n.next(block)
		if size > want {
			n.put(block+want, size-want, next)
			next = block + want
		}
		n.after(before, next)
		n.sizes[block] = uint32(want)
		return block, nil
	}
	return 0, errNaiveFull
}

// free puts a block into the list, joined with its neighbours there.
func (n *naive) free(block uint64) {
	size := uint64(n.sizes[block])
	before, next := n.end, n.first
	for next < block {
		before, next = next, n.next(next)
	}
	if next != n.end && block+size == next {
		size += n.size(next)
		next = n.next(next)
	}
	if before != n.end && before+n.size(before) == block {
		n.put(before, n.size(before)+size, next)
		return
	}
	n.put(block, size, next)
	n.after(before, block)
}

// naivePairs takes a block and frees it.
type naivePairs struct {
	heap *naive
	size uint64
	sum  uint64
}

func (l *naivePairs) run(n int) error {
	heap, size, sum := l.heap, l.size, l.sum
	for range n {
		a, err := heap.alloc(size)
		if err != nil {
			return err
		}
		sum += a
		heap.free(a)
	}
	l.sum = sum
	return nil
}

// naiveChurn is heapChurn on the naive list.
type naiveChurn struct {
	heap   *naive
	live   []uint64
	random random
}

func (l *naiveChurn) run(n int) error {
	for range n {
		block := &l.live[l.random.below(len(l.live))]
		l.heap.free(*block)
		a, err := l.heap.alloc(granules(l.random.size()))
		if err != nil {
			return err
		}
		*block = a
	}
	return nil
}
