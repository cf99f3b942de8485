package mmapheap

import "memprobe/layout/addr"

// given is the live heap object that begins at p; else a report of what p is.
func (c *Checked) given(op string, p Pointer) (*object, error) {
	if c.nets.Access {
		if o := c.objects.get(p.Block); o != nil {
			return o, c.mayEnd(op, o, p, NetAccess)
		}
	}
	o := c.at(p.Addr)
	if o == nil || p.Addr == 0 {
		return nil, c.misgiven(op, p, nil, c.nobodys(p.Addr), NetHeap)
	}
	net := NetHeap
	if o.phase == held {
		net = NetQuarantine
	}
	return o, c.mayEnd(op, o, p, net)
}

// mayEnd is nil where o is a live heap object that begins at p.
func (c *Checked) mayEnd(op string, o *object, p Pointer, net Net) error {
	switch {
	case o.kind == localObject || o.kind == frameObject:
		return c.misgiven(op, p, o, ErrOnStack, net)
	case o.kind == staticObject:
		return c.misgiven(op, p, o, ErrStatic, net)
	case o.phase != alive:
		return c.misgiven(op, p, o, ErrDoubleFree, net)
	case p.Addr == o.addr:
		return nil
	case !o.block.Contains(p.Addr) && p.Addr != o.end():
		return c.misgiven(op, p, o, ErrAstray, net)
	case !c.nets.Guarded && !p.Addr.Aligned(cell):
		return c.misgiven(op, p, o, ErrMisaligned, net)
	}
	return c.misgiven(op, p, o, ErrInterior, net)
}

// nobodys is why there is no block at a, where none ever was.
func (c *Checked) nobodys(a addr.Addr) error {
	switch r := c.region; {
	case a == 0:
		return ErrNull
	case r.heap.span.Contains(a):
		return ErrUntouched
	case r.stack.span.Contains(a):
		return ErrOnStack
	}
	return ErrForeign
}

// misgiven reports an address that may be neither freed nor resized. There may be
// no object.
func (c *Checked) misgiven(op string, p Pointer, o *object, reason error, net Net) *Report {
	class := InvalidFree
	switch {
	case op == "free" && reason == ErrDoubleFree:
		class = DoubleFree
	case op == "resize" && reason == ErrDoubleFree:
		class = ResizeAfterFree
	case op == "resize":
		class = InvalidResize
	}
	report := &Report{Class: class, Net: net, Access: op, Addr: p.Addr, Byte: p.Addr, Reason: reason}
	if o == nil {
		return report
	}
	report.Owner = c.ownerOf(o)
	report.at(p.Addr)
	if other := c.at(p.Addr); other != nil && other != o && other.kind != frameObject {
		report.Other = c.ownerOf(other)
	}
	return report
}
