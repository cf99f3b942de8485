package mmapheap

import (
	"fmt"

	"memprobe/layout/addr"
)

// guard makes the open part of a fresh block accessible and the page behind it not.
// Where the kernel refuses, pages that no live block has may be accessible, which
// no invariant forbids.
func (c *Checked) guard(block, open addr.Range) error {
	k := c.region.kernel
	if page := k.page(); !block.Lo.Aligned(page) {
		return fmt.Errorf("guard the block at %v: not at a multiple of the page size, %d: the heap is used besides its nets", block.Lo, page)
	}
	if open.Size() > 0 && c.used(open) {
		if err := k.commit(c.memory(open)); err != nil {
			return fmt.Errorf("open %d bytes at %v: %w", open.Size(), open.Lo, err)
		}
	}
	page := addr.Range{Lo: open.Hi, Hi: block.Hi}
	if err := k.forbid(c.memory(page)); err != nil {
		return fmt.Errorf("guard %d bytes at %v: %w", page.Size(), page.Lo, err)
	}
	return nil
}

// used reports whether a block has ever lain in r.
func (c *Checked) used(r addr.Range) bool {
	for range c.shadow.runs(r) {
		return true
	}
	return false
}

// closeOff takes the permissions from all of a block's pages.
func (c *Checked) closeOff(o *object) error {
	if o.open.Size() == 0 {
		return nil
	}
	if err := c.region.kernel.forbid(c.memory(o.open)); err != nil {
		return fmt.Errorf("close %d bytes at %v: %w", o.open.Size(), o.open.Lo, err)
	}
	return nil
}

// closedIn is the first address of r, in the committed range open, that has lost its
// permissions.
func (c *Checked) closedIn(open, r addr.Range) (addr.Addr, bool) {
	if !c.nets.Guarded || open.Lo != c.region.heap.span.Lo {
		return 0, false
	}
	for piece, n := range c.shadow.runs(open.Intersect(r)) {
		o := c.objects.get(n)
		switch {
		case o.phase != alive:
			return piece.Lo, true
		case piece.Hi > o.open.Hi:
			return max(piece.Lo, o.open.Hi), true
		}
	}
	return 0, false
}

// onGuard reports an access that the kernel stopped at fault, in a page that
// guards a block or is that of a freed one; nil if it is neither.
func (c *Checked) onGuard(op string, a addr.Addr, n addr.Bytes, fault addr.Addr) *Report {
	o := c.at(fault)
	if !c.nets.Guarded || o == nil || o.kind != heapObject {
		return nil
	}
	class := overflowOf(o)
	if o.phase != alive {
		class = endedUse(o)
	} else if next := c.at(o.block.Hi); next != nil && next.phase == alive && next.block.Lo == o.block.Hi && next.addr-fault < fault-o.end() {
		o, class = next, Underflow
	}
	report := c.report(class, NetGuarded, op, o)
	report.Addr, report.Size = a, n
	report.at(fault)
	return report
}
