package mmapheap

import (
	"encoding/binary"

	"memprobe/layout/addr"
)

// Leaks reports the live heap blocks that nothing reaches: from the statics and
// the locals of live frames no pointer leads there, over other blocks or not. A
// pointer is what StorePointer stored, and any other 8 bytes at a multiple of 8, all
// written, that are an address inside a block; so a number that looks like one hides
// a leak. With a block that only leaked blocks point to, the report names one of
// those as Other. It needs Nets.Access; without, there is nothing to go by, and
// nothing reported.
func (c *Checked) Leaks() []*Report {
	if !c.nets.Access || c.region.mem == nil {
		return nil
	}
	here := c.sites.site(c.sites.here())
	reached := map[BlockNumber]bool{}
	var pending []*object
	reach := func(from *object) {
		for to := range c.pointees(from) {
			if !reached[to.number] {
				reached[to.number] = true
				pending = append(pending, to)
			}
		}
	}
	for root := range c.roots {
		reach(root)
	}
	for len(pending) > 0 {
		next := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		reach(next)
	}

	var lost []*object
	holder := map[BlockNumber]*object{}
	for o := range c.heapObjects {
		if o.phase != alive || reached[o.number] {
			continue
		}
		lost = append(lost, o)
		for to := range c.pointees(o) {
			if holder[to.number] == nil {
				holder[to.number] = o
			}
		}
	}
	var reports []*Report
	for _, o := range lost {
		report := c.report(Leak, NetAccess, "leaks", o)
		report.Addr, report.Size, report.Here = o.addr, o.requested, here
		report.at(o.addr)
		if by := holder[o.number]; by != nil {
			report.Other = c.ownerOf(by)
		}
		reports = append(reports, report)
	}
	return reports
}

// roots yields what a program reaches without a pointer.
func (c *Checked) roots(yield func(*object) bool) {
	for _, n := range c.statics.numbers {
		if !yield(c.objects.get(n)) {
			return
		}
	}
	for _, f := range c.frames {
		for _, local := range c.objects.locals(c.objects.get(f)) {
			if !yield(local) {
				return
			}
		}
	}
}

// heapObjects yields those whose memory the heap has not got back, by address.
func (c *Checked) heapObjects(yield func(*object) bool) {
	for block := range c.region.heap.Blocks() {
		if block.State != Used {
			continue
		}
		if o := c.objects.get(c.shadow.at(block.Addr)); o != nil && o.phase != gone && !yield(o) {
			return
		}
	}
}

// pointees yields the live heap objects that o's payload points to.
func (c *Checked) pointees(o *object) func(func(*object) bool) {
	return func(yield func(*object) bool) {
		mem := c.memory(o.payload())
		first := addr.Bytes(-o.addr & addr.Addr(pointerSize-1))
		for off := first; off+pointerSize <= o.requested; off += pointerSize {
			if _, missing := o.written.gap(off, off+pointerSize); missing {
				continue
			}
			value := addr.Addr(binary.NativeEndian.Uint64(mem[off:]))
			if to := c.pointee(value, o.pointers[off]); to != nil && !yield(to) {
				return
			}
		}
		for off, p := range o.pointers {
			if off%pointerSize == first {
				continue // seen above
			}
			if to := c.pointee(p.Addr, p); to != nil && !yield(to) {
				return
			}
		}
	}
}

// pointee is the live heap object that the address value leads to; noted is the
// pointer that was stored there, if one was.
func (c *Checked) pointee(value addr.Addr, noted Pointer) *object {
	if !c.region.heap.span.Contains(value) {
		return nil
	}
	o := c.at(value)
	if known := c.objects.get(noted.Block); known != nil && noted.Addr == value {
		o = known
	}
	if o == nil || o.kind != heapObject || o.phase != alive {
		return nil
	}
	return o
}
