package mmapheap

import (
	"fmt"
	"math/bits"

	"memprobe/layout/addr"
)

// Checked is the heap and the stack of a region behind its nets. With nets they
// must be used through it alone.
//
// A block is made with a number, and an owner's name; a heap block by Alloc, a
// local by Push, a static by Static. What is known of it lies outside the memory
// that it describes, so no store can change it. Each block is laid out as
//
//	| canary | payload | padding and canary | guard page |
//
// of which the canaries are there with Nets.Canary, the guard page with
// Nets.Guarded, for heap blocks; the payload then ends where the guard page begins.
// All of it but the guard page is filled with a pattern when the block ends, with
// Nets.Poison, and held back from reuse for a while, with Nets.Quarantine.
//
// A mistake is a *Report. The operation was refused and has changed nothing, but
// that blocks may have left quarantine, and that damage to a canary or a pattern is
// repaired, so that it is told once: the same operation then goes on. What the kernel
// or the heap refuses (ErrNoSpace) is no mistake, and no report.
//
// With Nets.Access each load and store is checked before memory is touched. Without
// it they go to the raw address, as a program's would; what the kernel stops is an
// error with the address, and what is neither of the region nor a static is not
// touched at all, since it may be memprobe's own.
//
// Nothing is forgotten: a block that is gone leaves a note of some 50 bytes, until
// Release. One goroutine at a time may use it, as the region.
//
// The invariants, which [Checked.Check] checks by number:
//
//	C1  each block in use of the heap is that of one object, live or in quarantine, and each of
//	    those has one
//	C2  the shadow has that object's number for each of the block's cells, and a frame's for
//	    each of the frame's
//	C3  the payload lies in its block, outside of any guard page; there is a bit for each of its
//	    bytes, and none behind
//	C4  the quarantine lists each object in it once, oldest first; their sizes add up to what
//	    is noted, which is within the limit
//	C5  the frames are the stack's; their locals lie inside, each above the one before, and
//	    live
//	C6  each pointer that is noted lies in its block, and all of its bytes are written
type Checked struct {
	region     *Region
	nets       Nets
	objects    objects
	shadow     shadow
	sites      sites
	quarantine quarantine
	frames     []BlockNumber // oldest first
	statics    statics
}

// Nets are the nets in use.
func (c *Checked) Nets() Nets { return c.nets }

// plain reports that there are no nets: nothing is noted, and numbers are 0.
func (c *Checked) plain() bool { return c.nets == Nets{} }

// Alloc makes a block of n bytes, as [Heap.Alloc] does. Where that finds no
// room, quarantined blocks are let go first.
func (c *Checked) Alloc(n addr.Bytes, owner string) (Pointer, error) {
	if c.plain() {
		a, err := c.region.heap.Alloc(n)
		return Pointer{Addr: a}, err
	}
	site := c.sites.here()
	o, err := c.alloc("alloc", n, owner, site)
	if err != nil {
		return Pointer{}, c.noticed(err, site)
	}
	return o.pointer(), nil
}

// AllocZeroed makes a block of count times size bytes, all zero. A product that
// does not fit into 64 bits is ErrNoSpace, as any other request that is too large.
func (c *Checked) AllocZeroed(count, size addr.Bytes, owner string) (Pointer, error) {
	over, n := bits.Mul64(uint64(count), uint64(size))
	if over != 0 {
		return Pointer{}, fmt.Errorf("alloc %d times %d bytes: the product has more than 64 bits: %w", count, size, ErrNoSpace)
	}
	if c.plain() {
		a, err := c.region.heap.Alloc(addr.Bytes(n))
		if err != nil {
			return Pointer{}, err
		}
		clear(c.memory(addr.Span(a, addr.Bytes(n))))
		return Pointer{Addr: a}, nil
	}
	site := c.sites.here()
	o, err := c.alloc("alloc", addr.Bytes(n), owner, site)
	if err != nil {
		return Pointer{}, c.noticed(err, site)
	}
	clear(c.memory(o.payload()))
	if c.nets.Access {
		o.written.set(0, o.requested)
	}
	return o.pointer(), nil
}

// Free ends the block at p, which must be its start.
func (c *Checked) Free(p Pointer) error {
	if c.plain() {
		return c.region.heap.Free(p.Addr)
	}
	site := c.sites.here()
	o, err := c.given("free", p)
	if err == nil {
		err = c.retire("free", o, site)
	}
	return c.noticed(err, site)
}

// Resize gives the block at p a size of n bytes. Without nets that is
// [Heap.Resize]. With nets it is always a new block, to which the bytes that both
// have are copied, and the end of the old one: a program must not use the old
// pointer, wherever the block lies.
func (c *Checked) Resize(p Pointer, n addr.Bytes) (Pointer, error) {
	if c.plain() {
		a, err := c.region.heap.Resize(p.Addr, n)
		return Pointer{Addr: a}, err
	}
	site := c.sites.here()
	o, err := c.given("resize", p)
	if err == nil {
		o, err = c.resize(o, n, site)
	}
	if err != nil {
		return Pointer{}, c.noticed(err, site)
	}
	return o.pointer(), nil
}

// memory is the bytes of r, which lie in one share and are committed.
func (c *Checked) memory(r addr.Range) []byte {
	for _, s := range []*share{&c.region.heap.share, &c.region.stack.share, &c.statics.share} {
		if s.span.Covers(r) {
			return s.mem[r.Lo.Sub(s.span.Lo):][:r.Size():r.Size()]
		}
	}
	panic(fmt.Sprintf("mmapheap: the checked heap has no memory at %v", r))
}
