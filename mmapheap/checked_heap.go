package mmapheap

import (
	"errors"
	"fmt"

	"memprobe/layout/addr"
)

// alloc makes a heap object.
func (c *Checked) alloc(op string, n addr.Bytes, owner string, site siteID) (*object, error) {
	block, open, err := c.takeBlock(op, n)
	if err != nil {
		return nil, err
	}
	if report := c.poisonIn(op, open); report != nil {
		return nil, besides(report, c.region.heap.Free(block.Lo))
	}
	o := c.objects.add(owner)
	o.addr, o.requested, o.made = c.placeIn(open, n), n, site
	o.body = &body{block: block, open: open}
	c.begin(o)
	c.shadow.set(block, o.number)
	return o, nil
}

// begin makes the object's memory what a fresh block's is.
func (c *Checked) begin(o *object) {
	if c.nets.Access {
		o.written = newWritten(o.requested)
	}
	if c.nets.Poison {
		fill(c.memory(o.payload()), freshPattern)
	}
	if c.nets.Canary {
		c.setCanaries(o)
	}
}

// takeBlock takes a block of the heap for n bytes and what guards them. Open is all
// of it but the guard page.
func (c *Checked) takeBlock(op string, n addr.Bytes) (block, open addr.Range, err error) {
	heap := &c.region.heap
	size, guard := n, addr.Bytes(0)
	if n > heap.span.Size() {
		return block, open, fmt.Errorf("%s %d bytes: %w", op, n, ErrNoSpace)
	}
	if c.nets.Canary {
		size = canarySize + n.AlignUp(cell) + canarySize
	}
	if c.nets.Guarded {
		guard = c.region.kernel.page()
		size = (c.front() + n).AlignUp(guard) + guard
	}
	lo, err := heap.Alloc(size)
	for errors.Is(err, ErrNoSpace) && c.quarantine.held > 0 {
		if err := c.letGo(op); err != nil {
			return block, open, err
		}
		lo, err = heap.Alloc(size)
	}
	if err != nil {
		return block, open, fmt.Errorf("%s %d bytes, %d with what guards them: %w", op, n, size, err)
	}
	block = addr.Span(lo, max(size, 1).AlignUp(cell))
	open = addr.Range{Lo: lo, Hi: block.Hi - addr.Addr(guard)}
	if c.nets.Guarded {
		if err := c.guard(block, open); err != nil {
			return block, open, besides(fmt.Errorf("%s %d bytes: %w", op, n, err), heap.Free(lo))
		}
	}
	return block, open, nil
}

// front is how much of a block lies before its payload at least.
func (c *Checked) front() addr.Bytes {
	if c.nets.Canary {
		return canarySize
	}
	return 0
}

// placeIn is where a payload of n bytes lies in the open part of a block.
func (c *Checked) placeIn(open addr.Range, n addr.Bytes) addr.Addr {
	if c.nets.Guarded {
		return open.Hi - addr.Addr(n)
	}
	return open.Lo + addr.Addr(c.front())
}

// retire ends a live heap object: freed, or moved by a resize.
func (c *Checked) retire(op string, o *object, site siteID) error {
	if report := c.canaryOf(op, o); report != nil {
		return report
	}
	size := o.block.Size()
	if err := c.makeRoom(op, size); err != nil {
		return err
	}
	if c.nets.Guarded {
		if err := c.closeOff(o); err != nil {
			return fmt.Errorf("%s %v: %w", op, o.addr, err)
		}
	}
	if size > c.nets.Quarantine {
		if err := c.region.heap.Free(o.block.Lo); err != nil {
			return err
		}
	}
	o.ended, o.phase = site, held
	o.resized = op == "resize"
	c.bury(o)
	if size > c.nets.Quarantine {
		o.phase, o.body = gone, nil
		return nil
	}
	c.quarantine.add(o)
	return nil
}

// bury fills the memory of an object that has ended, where it can still be written.
func (c *Checked) bury(o *object) {
	if c.nets.Poison && !(c.nets.Guarded && o.kind == heapObject) {
		fill(c.memory(o.open), endedPattern)
		o.poisoned = true
	}
	o.written, o.pointers = nil, nil
}

// resize makes a block of n bytes with what o has of them, and ends o.
func (c *Checked) resize(o *object, n addr.Bytes, site siteID) (*object, error) {
	if report := c.canaryOf("resize", o); report != nil {
		return nil, report
	}
	fresh, err := c.alloc("resize", n, c.objects.names[o.owner], site)
	if err != nil {
		return nil, err
	}
	both := min(n, o.requested)
	copy(c.memory(addr.Span(fresh.addr, both)), c.memory(addr.Span(o.addr, both)))
	if c.nets.Access {
		fresh.written.copyFrom(o.written, both)
	}
	for at, p := range o.pointers {
		if at+pointerSize <= both {
			fresh.notePointer(at, p)
		}
	}
	if err := c.retire("resize", o, site); err != nil {
		return nil, besides(err, c.undo(fresh, site))
	}
	return fresh, nil
}

// undo takes a block back that the program was never given, even where the kernel
// does not close its pages.
func (c *Checked) undo(o *object, site siteID) error {
	var open error
	if c.nets.Guarded {
		open = c.closeOff(o)
	}
	err := c.region.heap.Free(o.block.Lo)
	c.bury(o)
	o.ended, o.phase, o.body = site, gone, nil
	return errors.Join(open, err)
}

// besides is err, and with it what went wrong in taking back what had been done.
func besides(err, also error) error {
	if also == nil {
		return err
	}
	return errors.Join(err, also)
}
