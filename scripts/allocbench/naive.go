package main

import (
	"errors"
	"fmt"
	"time"

	"memprobe/layout/addr"
)

// naive is first fit as a first course writes it: one list of the free blocks by
// address, walked from its start by each request and by each free. It makes the
// same choices as memprobe's heap, at the price that this has.
//
// Sizes and places are in granules of 16 bytes, places counted from the arena's
// start. A free block holds two words, its size and where the next free block is;
// the size of a block in use stands beside the arena.
type naive struct {
	arena []uint64
	sizes []uint32
	first uint64 // the lowest free block
	end   uint64 // of the arena; as a place in the list, its end
}

const wordsPerGranule = 2

func newNaive(size addr.Bytes) (*naive, error) {
	n := &naive{end: uint64(size) / 16}
	var err1, err2 error
	n.arena, err1 = mapped[uint64](int(n.end) * wordsPerGranule)
	n.sizes, err2 = mapped[uint32](int(n.end))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	n.clear()
	return n, nil
}

// clear frees everything at once.
func (n *naive) clear() {
	n.first = 0
	n.put(0, n.end, n.end)
}

func (n *naive) size(block uint64) uint64 { return n.arena[block*wordsPerGranule] }
func (n *naive) next(block uint64) uint64 { return n.arena[block*wordsPerGranule+1] }
func (n *naive) put(block, size, next uint64) {
	n.link(block, next)
	n.arena[block*wordsPerGranule] = size
}
func (n *naive) link(block, next uint64)   { n.arena[block*wordsPerGranule+1] = next }
func (n *naive) at(block uint64) addr.Addr { return addrOf(n.arena) + addr.Addr(block*16) }
func (n *naive) place(a addr.Addr) uint64  { return uint64(a-addrOf(n.arena)) / 16 }
func granules(size uint32) uint64          { return (max(1, uint64(size)) + 15) / 16 }

// after makes next what follows before in the list; before is the end where next
// is to be the first.
func (n *naive) after(before, next uint64) {
	if before == n.end {
		n.first = next
		return
	}
	n.link(before, next)
}

var errNaiveFull = errors.New("the naive list has no room")

func (n *naive) alloc(size uint32) (addr.Addr, error) {
	want := granules(size)
	before := n.end
	for block := n.first; block != n.end; before, block = block, n.next(block) {
		if n.size(block) >= want {
			n.take(before, block, want)
			n.sizes[block] = uint32(want)
			return n.at(block), nil
		}
	}
	return 0, errNaiveFull
}

// take cuts want granules off the start of a free block.
func (n *naive) take(before, block, want uint64) {
	size, next := n.size(block), n.next(block)
	if size > want {
		n.put(block+want, size-want, next)
		next = block + want
	}
	n.after(before, next)
}

func (n *naive) free(a addr.Addr) {
	block := n.place(a)
	n.release(block, uint64(n.sizes[block]))
}

// release puts a block into the list, joined with its neighbours there.
func (n *naive) release(block, size uint64) {
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

func (n *naive) resize(a addr.Addr, size uint32) (addr.Addr, error) {
	block := n.place(a)
	old, want := uint64(n.sizes[block]), granules(size)
	if want <= old {
		n.sizes[block] = uint32(want)
		if want < old {
			n.release(block+want, old-want)
		}
		return a, nil
	}
	before, next := n.end, n.first
	for next < block {
		before, next = next, n.next(next)
	}
	if next != n.end && next == block+old && n.size(next) >= want-old {
		n.take(before, next, want-old)
		n.sizes[block] = uint32(want)
		return a, nil
	}
	moved, err := n.alloc(size)
	if err != nil {
		return 0, err
	}
	to := n.place(moved)
	copy(n.arena[to*wordsPerGranule:], n.arena[block*wordsPerGranule:(block+old)*wordsPerGranule])
	n.free(a)
	return moved, nil
}

func (n *naive) close() error { return errors.Join(unmap(n.arena), unmap(n.sizes)) }

// naiveReplay replays on the naive list as far as it comes in the time it has.
type naiveReplay struct {
	trace *trace
	heap  *naive
	table []addr.Addr
	limit time.Duration // for a pass
	did   int           // operations that the last pass timed
}

func newNaiveReplay(t *trace, limit time.Duration) (*naiveReplay, error) {
	heap, err := newNaive(t.arena())
	if err != nil {
		return nil, err
	}
	table, err := mapped[addr.Addr](t.ids)
	return &naiveReplay{trace: t, heap: heap, table: table, limit: limit}, err
}

// chunk is after how many operations the clock is read.
const chunk = 1024

func (n *naiveReplay) pass() (time.Duration, tally, error) {
	defer n.heap.clear()
	var did tally
	ops := n.trace.ops[:n.trace.timed]
	start := processor()
	for n.did = 0; n.did < len(ops); {
		next := min(n.did+chunk, len(ops))
		if err := n.play(ops[n.did:next], &did); err != nil {
			return 0, did, fmt.Errorf("trace %s: %w", n.trace.name, err)
		}
		n.did = next
		if n.did < len(ops) && processor()-start > n.limit {
			return processor() - start, did, nil
		}
	}
	took := processor() - start
	return took, did, n.play(n.trace.ops[n.trace.timed:], &did)
}

func (n *naiveReplay) play(ops []op, did *tally) error {
	sum, table, heap := *did, n.table, n.heap
	for _, o := range ops {
		kind := o.kind()
		block := &table[o.id()]
		if kind == opFree {
			heap.free(*block)
			sum.Frees++
			continue
		}
		var a addr.Addr
		var err error
		if kind == opAlloc {
			a, err = heap.alloc(o.size)
			sum.Allocs++
		} else {
			a, err = heap.resize(*block, o.size)
			sum.Resizes++
		}
		if err != nil {
			return err
		}
		touch(a)
		*block = a
		sum.Bytes += uint64(o.size)
	}
	*did = sum
	return nil
}

func (n *naiveReplay) close() error { return errors.Join(unmap(n.table), n.heap.close()) }
